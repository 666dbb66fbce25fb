"""Changes that a critic sees in place of the pictures themselves, so that it cannot learn few pictures by heart
(differentiable augmentation, arXiv:2006.10738, with its defaults): brightness, saturation and contrast, then a shift,
then a square cut out. Gradients go through them to the picture.
"""

from typing import Any

from keras import ops

from ugatit.augment import DRAWS

BRIGHTER, SATURATED, CONTRASTED = 0.5, 1.0, 0.5  # changes go so far either way, as sums, factors and factors
SHIFTED = 0.125  # of the side, at most, in either direction
CUT = 0.5  # of the side


def changed(pictures: Any, draws: Any, size: int) -> Any:
    """Pictures as a critic sees them.

    Args:
        pictures: (N, S, S, 3) in [-1, 1].
        draws: (N, 7), uniform in [0, 1).
        size: side of the result, which is resampled bilinearly in the same go as shifted.

    Returns:
        (N, size, size, 3) float32, not clipped; 0 beyond the picture and where something was cut out.
    """
    x = ops.cast(pictures, "float32")
    brightness, saturation, contrast, right, down, across, along = (
        ops.reshape(draw, (-1, 1, 1, 1)) for draw in ops.split(draws, DRAWS, axis=1)
    )
    x = x + BRIGHTER * (2 * brightness - 1)
    grey = ops.mean(x, axis=-1, keepdims=True)
    x = grey + (x - grey) * (1 + SATURATED * (2 * saturation - 1))
    level = ops.mean(x, axis=(1, 2, 3), keepdims=True)
    x = level + (x - level) * (1 + CONTRASTED * (2 * contrast - 1))
    x = resampled(x, size, SHIFTED * (2 * down - 1), SHIFTED * (2 * right - 1))
    return x * (1 - _inside(along, (1, size, 1, 1)) * _inside(across, (1, 1, size, 1)))


def resampled(x: Any, size: int, down: Any = 0.0, right: Any = 0.0) -> Any:
    """(N, S, S, C) to (N, size, size, C), bilinearly, shifted by shares of the side, (N, 1, 1, 1) each; 0 beyond."""
    rows, columns = _sampling(down, x.shape[1], size), _sampling(right, x.shape[2], size)
    x = ops.einsum("nip,npqc->niqc", ops.broadcast_to(rows, (x.shape[0], size, x.shape[1])), x)
    return ops.einsum("njq,niqc->nijc", ops.broadcast_to(columns, (x.shape[0], size, x.shape[2])), x)


def _sampling(share: Any, before: int, after: int) -> Any:
    """Matrices, (N or 1, after, before), that shift and resample one axis."""
    centres = (ops.reshape(ops.arange(after, dtype="float32"), (1, after, 1)) + 0.5) / after
    seen = (centres - ops.reshape(share, (-1, 1, 1))) * before - 0.5
    return ops.relu(1 - ops.abs(seen - ops.reshape(ops.arange(before, dtype="float32"), (1, 1, before))))


def _inside(draw: Any, shape: tuple[int, ...]) -> Any:
    """1 where the cut is along the one axis of that shape; its centre is anywhere in the picture."""
    size = max(shape)
    places = ops.reshape((ops.arange(size, dtype="float32") + 0.5) / size, shape)
    return ops.cast(ops.abs(places - draw) < CUT / 2, "float32")
