"""Painted pictures of earlier steps, which discriminators and critic go on judging (arXiv:1612.07828, section 2.3).

What they are shown then changes more slowly than the generators do: meant against a swing of one and the other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ugatit.direction import Direction

NAME = "pool"  # what the names of its variables begin with


class Pool:
    """The pictures painted in either direction.

    Args:
        size: how many are kept a direction; at least 1.
        image_size: their side.
        directions: in which there is painting.

    Attributes:
        named: Keras variables by name: pictures (size, S, S, 3) uint8 and how many there are by now.
    """

    def __init__(self, size: int, image_size: int, directions: Sequence[Direction] = tuple(Direction)) -> None:
        self.size = size
        shape = (size, image_size, image_size, 3)
        self._pictures = {
            d: keras.Variable(np.zeros(shape, "uint8"), trainable=False, dtype="uint8") for d in directions
        }
        self._count = {d: keras.Variable(np.zeros((), "int32"), trainable=False, dtype="int32") for d in directions}

    @property
    def named(self) -> Mapping[str, Any]:
        kept = {"pictures": self._pictures, "count": self._count}
        return {f"{NAME}_{d}/{name}": held[d] for name, held in kept.items() for d in held}

    def exchange(self, direction: Direction, painted: Any, draws: Any) -> Any:
        """Puts pictures in and takes pictures out.

        As long as there is room, a picture is kept and comes out itself. After that, half of them, as drawn, come out
        themselves and are not kept; each of the others takes the place of one that comes out instead.

        Args:
            direction: in which they were painted.
            painted: (N, S, S, 3) in [-1, 1].
            draws: (N, 2) in [0, 1): which one, and whether.

        Returns:
            Like `painted`; earlier ones in 256 steps.
        """
        pictures, count = (ops.convert_to_tensor(held[direction]) for held in (self._pictures, self._count))
        out = []
        for i in range(painted.shape[0]):
            full = count >= self.size
            drawn = ops.cast(draws[i, 0] * self.size, "int32")
            slot = ops.minimum(ops.where(full, drawn, count), self.size - 1)
            earlier = pictures[slot]
            swaps = ops.logical_and(full, draws[i, 1] < 0.5)
            out.append(ops.where(swaps, ops.cast(earlier, "float32") / 127.5 - 1.0, painted[i]))
            levels = ops.cast(ops.clip(ops.round((painted[i] + 1.0) * 127.5), 0, 255), "uint8")
            kept = ops.where(ops.logical_or(swaps, ops.logical_not(full)), levels, earlier)
            pictures = ops.scatter_update(pictures, ops.reshape(slot, (1, 1)), kept[None])
            count = ops.minimum(count + 1, self.size)
        self._pictures[direction].assign(pictures)
        self._count[direction].assign(count)
        return ops.stack(out)
