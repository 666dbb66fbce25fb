"""Convolutions of stride 1 with fewer multiplications, for processors (arXiv:1509.09308).

A tile of T x T results of an r x r kernel takes (T + r - 1)^2 products per pair of channels in place of T^2 r^2: for
T = 4 a quarter of those of a 3 x 3 kernel. Everything is matrix products, which processors do at full speed, and so is
the gradient of everything. float32 loses about one of its seven digits.

Graphics cards have libraries that choose such algorithms by themselves.
"""

from functools import cache
from typing import Any

import numpy as np
from keras import ops

TILE = 4
POINTS = (0.0, 1.0, -1.0, 0.5, -2.0)  # of those tried, the least loss of digits (arXiv:1803.10986)


def winograd(x: Any, kernel: Any) -> Any:
    """(N, H, W, C) and (r, r, C, F) to (N, H - r + 1, W - r + 1, F), as `ops.conv` with padding "valid" gives it.

    Args:
        x: float32, N is known.
        kernel: float32, r is 2 or 3.
    """
    side, _, channels, filters = kernel.shape
    over = side - 1
    count, height, width, _ = x.shape
    rows, columns = (-(-(edge - over) // TILE) for edge in (height, width))
    into, of_kernel, out_of = transforms(side)
    points = TILE + over
    # To (T, T, N, rows + 1, columns + 1, C): one plane for each place in a tile, the last row and column spare.
    padding = ((0, 0), (0, (rows + 1) * TILE - height), (0, (columns + 1) * TILE - width), (0, 0))
    x = ops.reshape(ops.pad(x, padding), (count, rows + 1, TILE, columns + 1, TILE, channels))
    x = ops.transpose(x, (2, 4, 0, 1, 3, 5))
    # The tiles overlap: places beyond T are the first ones of the next tile. (`x[…]` would do; the gradient of
    # TensorFlow's strided slices takes longer than the convolution, that of plain ones is a padding.)
    own = ops.slice(x, (0,) * 6, (TILE, TILE, count, rows, columns + 1, channels))
    below = ops.slice(x, (0, 0, 0, 1, 0, 0), (over, TILE, count, rows, columns + 1, channels))
    x = ops.concatenate([own, below], axis=0)
    own = ops.slice(x, (0,) * 6, (points, TILE, count, rows, columns, channels))
    right = ops.slice(x, (0, 0, 0, 0, 1, 0), (points, over, count, rows, columns, channels))
    x = ops.concatenate([own, right], axis=1)
    x = ops.reshape(ops.matmul(into, ops.reshape(x, (points**2, -1))), (points**2, -1, channels))
    kernel = ops.reshape(ops.matmul(of_kernel, ops.reshape(kernel, (side**2, -1))), (points**2, channels, filters))
    y = ops.matmul(out_of, ops.reshape(ops.matmul(x, kernel), (points**2, -1)))
    y = ops.transpose(ops.reshape(y, (TILE, TILE, count, rows, columns, filters)), (2, 3, 0, 4, 1, 5))
    y = ops.reshape(y, (count, rows * TILE, columns * TILE, filters))
    return ops.slice(y, (0,) * 4, (count, height - over, width - over, filters))


@cache
def transforms(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What takes a tile of pictures, a kernel and a tile of results to and from products, by Toom and Cook.

    With P = T + side - 1, shapes (P^2, P^2), (P^2, side^2) and (T^2, P^2), float32; planes run row by row.
    """
    points = POINTS[: TILE + side - 2]  # and infinity
    of_kernel, of_tile = _powers(points, side), _powers(points, TILE)
    into = np.linalg.inv(_powers(points, len(points) + 1)).T
    return tuple(np.kron(matrix, matrix).astype("float32") for matrix in (into, of_kernel, of_tile.T))  # type: ignore[return-value]


def _powers(points: tuple[float, ...], count: int) -> np.ndarray:
    """A polynomial's coefficients to its values at the points, and at infinity its last coefficient."""
    return np.vstack([np.vander(points, count, increasing=True), np.eye(count)[-1]])
