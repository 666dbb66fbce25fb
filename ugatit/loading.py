"""Weights into a Keras generator and out of it."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors.numpy import save_file

from ugatit.config import GeneratorConfig
from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.generator import build_generator, weight_name
from ugatit.weights_file import open_weights, read_header

STORED = ("F16", "BF16", "F32")


def load_generator(
    path: str | Path, *, dtype: str | None = None, direction: Direction | str | None = None, winograd: bool = False
) -> keras.Model:
    """A generator with the weights of a file.

    Args:
        path: a native weights file.
        dtype: Keras dtype policy of all layers; None takes the global policy (float32 unless set).
        direction: which generator, where the file holds both; None takes selfie → anime then.
        winograd: see `build_generator`.

    Returns:
        A model from pictures (N, S, S, 3), RGB in [-1, 1], to the same in float32; `model.config` tells S.

    Raises:
        WeightsError: file missing or damaged; tensors missing, extra, of another shape, or not finite.
        ValueError: a direction that there is not.
    """
    header = read_header(path)
    wanted = Direction(direction) if direction else next(iter(header.directions), Direction.SELFIE2ANIME)
    if wanted not in header.directions:
        held = ", ".join(header.directions) or "no generator"
        raise WeightsError(f"{path}: holds no {wanted} generator but: {held}.")
    model = build_generator(header.config, dtype=dtype, initializer="zeros", winograd=winograd)
    assign_generator(model, path, wanted)
    return model


def assign_generator(model: keras.Model, path: str | Path, direction: Direction) -> None:
    """Gives a generator, or one for training, the weights of a file.

    Raises:
        WeightsError: file missing or damaged; tensors missing, extra, of another shape, or not finite. The model is as
            it was then.
    """
    weights = _weights(model, direction)
    tensors = _read(path, direction, {name: tuple(weight.shape) for name, weight in weights.items()})
    for name, weight in weights.items():
        weight.assign(tensors[name])


def save_generator(
    model: keras.Model,
    path: str | Path,
    *,
    direction: Direction | str = Direction.SELFIE2ANIME,
    provenance: Mapping[str, Any],
    half: bool = True,
) -> None:
    """Writes a generator as a native weights file, whole or not at all.

    Args:
        model: what `build_generator` or `load_generator` returned.
        path: where to; a file there is replaced.
        direction: which way the generator translates.
        provenance: what is known about where the weights come from (data, length of training, licence, measures).
        half: float16; otherwise float32.

    Raises:
        OSError: the file cannot be written.
    """
    tensors = {name: weight.numpy() for name, weight in _weights(model, direction).items()}
    write_tensors(path, {k: v.astype("f2" if half else "f4") for k, v in tensors.items()}, model.config, provenance)


def write_tensors(
    path: str | Path, tensors: Mapping[str, np.ndarray], config: GeneratorConfig, provenance: Mapping[str, Any]
) -> None:
    """Writes tensors that have their names in the file already. See `save_generator`."""
    path = Path(path)
    metadata = {"config": config.to_json(), "provenance": json.dumps(dict(provenance), ensure_ascii=False)}
    # Beside the target, so that the last step is a rename and a reader never sees half a file.
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, beside, metadata)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _weights(model: keras.Model, direction: Direction | str) -> dict[str, Any]:
    scope = Direction(direction).scope
    return {f"{scope}/{weight_name(layer, weight)}": weight for layer in model.layers for weight in layer.weights}


def _read(path: str | Path, direction: Direction, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The tensors of one generator, checked one and all before anything is said."""
    problems, tensors = [], {}
    with open_weights(path) as file:
        held = {name for name in file.keys() if name.startswith(f"{direction.scope}/")}  # noqa: SIM118 (no mapping)
        problems += [f"{name} is missing" for name in sorted(set(shapes) - held)]
        problems += [f"{name} has no place in this network" for name in sorted(held - set(shapes))]
        for name in sorted(held & set(shapes)):
            about = file.get_slice(name)
            shape, stored = tuple(about.get_shape()), about.get_dtype()
            if shape != shapes[name]:
                problems.append(f"{name} has shape {shape}, not {shapes[name]}")
            elif stored not in STORED:
                problems.append(f"{name} is stored as {stored}, not as one of {', '.join(STORED)}")
            else:
                tensors[name] = file.get_tensor(name)
                if not np.isfinite(tensors[name].astype("f4", copy=False)).all():
                    problems.append(f"{name} holds numbers that are not finite")
    if problems:
        shown = "; ".join(problems[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise WeightsError(f"{path}: {shown}. Its tensors and its configuration do not belong together.")
    return tensors
