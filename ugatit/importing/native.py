"""Safetensors files of this project, also those without a full configuration."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.importing.found import Found, Tensor
from ugatit.weights_file import open_weights, read_header


@contextmanager
def open_native(path: Path, direction: Direction) -> Iterator[Found]:
    """The generator of one direction.

    Raises:
        WeightsError: see `read_header`; or no generator of that direction.
    """
    header, scope = read_header(path), f"{direction.scope}/"
    if direction not in header.directions:
        raise WeightsError(f"{path}: holds no {direction} generator but: {', '.join(header.directions) or 'none'}.")
    with open_weights(path) as file:
        tensors = {
            name.removeprefix(scope): Tensor(tuple(file.get_slice(name).get_shape()), _reading(file, name))
            for name in file.keys()  # noqa: SIM118 (no mapping)
            if name.startswith(scope)
        }
        config = header.config
        yield Found(
            "safetensors",
            config.dialect,
            tensors,
            (),
            lambda name: f"{scope}{name}",
            {"image_size": config.image_size, "smoothing": config.smoothing},
            header.provenance,
        )


def _reading(file: Any, name: str) -> Callable[[], np.ndarray]:
    return lambda: file.get_tensor(name)
