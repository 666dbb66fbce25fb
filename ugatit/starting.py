"""Weights that a training run begins with in place of random ones: `--start`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ugatit.config import GeneratorConfig
from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.recipe import directions_of, merge
from ugatit.weights_file import BUNDLED, SUFFIX, bundled_weights, read_config


def starting_weights(start: str, directions: Sequence[Direction] = tuple(Direction)) -> dict[Direction, Path]:
    """The weights file of every direction.

    Args:
        start: `bundled:NAME`, or a folder as a training run leaves it: with `selfie2anime.safetensors` and
            `anime2selfie.safetensors`.
        directions: which ones are wanted.

    Raises:
        WeightsError: one is not there.
    """
    if start.startswith(BUNDLED):
        name = start.removeprefix(BUNDLED)
        reverse = f"{name}-{Direction.ANIME2SELFIE}"
        names = {Direction.SELFIE2ANIME: name, Direction.ANIME2SELFIE: reverse}
        return {direction: bundled_weights(names[direction]) for direction in directions}
    files = {direction: Path(start) / f"{direction}{SUFFIX}" for direction in directions}
    if missing := [str(path) for path in files.values() if not path.is_file()]:
        raise WeightsError(f"{', '.join(missing)}: no such file. --start takes the folder of a run, or bundled:fast.")
    return files


def shaped_as_start(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recipe's values, the generators' shape from the weights that they begin with where nothing else is said.

    Of two shapes it is the larger one, if the other grows to it.

    Raises:
        WeightsError: see `starting_weights`; or both files are of different networks and neither
            grows to the other.
    """
    start = values.get("start")
    if not isinstance(start, str) or not start:
        return values
    files = starting_weights(start, directions_of(values))
    shapes = [read_config(path) for path in files.values()]
    largest = max(shapes, key=lambda shape: (shape.image_size, shape.base_channels))
    if any(shape != largest and growth(shape, largest) == Growth() for shape in shapes):
        raise WeightsError(
            f"{' and '.join(map(str, files.values()))}: networks of different shapes, and neither grows to the other. "
            "Start with a pair."
        )
    return merge({"generator": largest.to_dict()}, values)


class Growth(NamedTuple):
    """How many times as large the pictures of a network are, and how many times the channels it has."""

    size: int = 1
    width: int = 1


def growth(small: GeneratorConfig, large: GeneratorConfig) -> Growth:
    """What makes a network of another that is otherwise the same; `Growth()` where they differ in anything else.

    The one for larger pictures sees blocks of that many more pixels a side as one cell; see
    `GeneratorConfig.pixel_shuffle`.
    """
    size, rest = divmod(large.image_size, small.image_size)
    width, odd = divmod(large.base_channels, small.base_channels)
    if rest or odd or not size or not width:
        return Growth()
    wanted = replace(
        small,
        image_size=large.image_size,
        pixel_shuffle=small.pixel_shuffle * size,
        base_channels=large.base_channels,
    )
    return Growth(size, width) if large == wanted else Growth()


def enlarged(name: str, value: np.ndarray, block: int, times: int) -> np.ndarray:
    """A weight of a generator in one for pictures that are `times` as large.

    With these weights it paints what the small one makes of its pictures, shrunk by averaging, each pixel as a block
    of pixels (nearest neighbour, which keeps sub-pixel convolutions free of patterns: arXiv:1707.02937).

    Args:
        name: below the generator's scope.
        value: the small one's.
        block: its `pixel_shuffle`.
        times: see `growth`.
    """
    if name == "conv/conv2d/kernel":
        height, width, _, filters = value.shape
        blocks = value.reshape(height, width, block, block, 3, filters) / times**2
        return blocks.repeat(times, 2).repeat(times, 3).reshape(height, width, -1, filters)
    if name in ("G_logit/conv2d/kernel", "G_logit/conv2d/bias"):
        blocks = value.reshape(*value.shape[:-1], block, block, 3)
        return blocks.repeat(times, -3).repeat(times, -2).reshape(*value.shape[:-1], -1)
    return value
