"""Weights that a training run begins with in place of random ones: `--start`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.recipe import merge
from ugatit.weights_file import BUNDLED, SUFFIX, bundled_weights, read_config


def starting_weights(start: str) -> dict[Direction, Path]:
    """The weights file of either direction.

    Args:
        start: `bundled:NAME`, or a folder as a training run leaves it: with `selfie2anime.safetensors` and
            `anime2selfie.safetensors`.

    Raises:
        WeightsError: one is not there.
    """
    if start.startswith(BUNDLED):
        name = start.removeprefix(BUNDLED)
        reverse = f"{name}-{Direction.ANIME2SELFIE}"
        return {Direction.SELFIE2ANIME: bundled_weights(name), Direction.ANIME2SELFIE: bundled_weights(reverse)}
    files = {direction: Path(start) / f"{direction}{SUFFIX}" for direction in Direction}
    if missing := [str(path) for path in files.values() if not path.is_file()]:
        raise WeightsError(f"{', '.join(missing)}: no such file. --start takes a folder with both, or bundled:fast.")
    return files


def shaped_as_start(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recipe's values, the generators' shape from the weights that they begin with where nothing else is said.

    Raises:
        WeightsError: see `starting_weights`; or both files are of different networks.
    """
    start = values.get("start")
    if not isinstance(start, str) or not start:
        return values
    files = starting_weights(start)
    shapes = {direction: read_config(path) for direction, path in files.items()}
    first, second = shapes.values()
    if first != second:
        raise WeightsError(
            f"{' and '.join(map(str, files.values()))}: networks of different shapes. Start with a pair."
        )
    return merge({"generator": first.to_dict()}, values)
