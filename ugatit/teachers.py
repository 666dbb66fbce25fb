"""Generators that others learn from; see `ugatit.recipe.TeacherConfig`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras import ops

from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.loading import load_generator
from ugatit.starting import starting_weights

Teachers = Mapping[Direction, Callable[[Any], Any]]  # (N, S, S, 3) in [-1, 1] → the same, float32


def load_teachers(
    weights: str, image_size: int, dtype: str, directions: Sequence[Direction] = tuple(Direction)
) -> Teachers:
    """Generators to be called within a training step. They are no part of a run's state.

    Args:
        weights: see `starting_weights`.
        image_size: side of the run's pictures.
        dtype: Keras dtype policy.
        directions: which ones.

    Raises:
        WeightsError: see `starting_weights` and `load_generator`; or they paint pictures of another size.
    """
    teachers = {}
    for direction, path in starting_weights(weights, directions).items():
        model = load_generator(path, dtype=dtype, direction=direction)
        if model.config.image_size != image_size:
            raise WeightsError(
                f"{path}: paints pictures of {model.config.image_size} pixels a side, the run those of {image_size}. "
                "A teacher and its pupil must paint the same size."
            )
        teachers[direction] = lambda x, model=model: ops.cast(model(x), "float32")
    return teachers
