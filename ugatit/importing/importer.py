"""The import itself: find the generator, hold it against its configuration, write it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ugatit.config import GeneratorConfig
from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.importing.found import Found
from ugatit.importing.shapes import Unreadable, expected_shapes, read_off
from ugatit.importing.smoothing import find_smoothing

SHOWN = 8  # problems named in one message


@dataclass(frozen=True, slots=True)
class Imported:
    """What was imported.

    Args:
        config: the configuration that was read off the shapes.
        release: who wrote the checkpoint.
        parameters: numbers in the generator.
        smoothing: whether AdaLIN is smoothed, and what tells so, in words.
    """

    config: GeneratorConfig
    release: str
    parameters: int
    smoothing: str


def import_checkpoint(
    checkpoint: str | Path,
    out: str | Path,
    *,
    direction: Direction = Direction.SELFIE2ANIME,
    image_size: int | None = None,
    smoothing: bool | None = None,
    half: bool = False,
) -> Imported:
    """Writes one generator of a published checkpoint as a native weights file.

    Only that generator's tensors are read, one after another; nothing in the checkpoint is executed.

    Args:
        checkpoint: a TensorFlow checkpoint (its prefix, any of its files, or the folder), a `.pt` file of the PyTorch
            release, or a `.safetensors` file of this project, also one without a full configuration.
        out: the `.safetensors` file to write; one that is there is replaced.
        direction: which of the two generators.
        image_size: in pixels, for a light generator, whose shapes do not tell; None takes what the file says, or 256.
        smoothing: whether it was trained with smoothed AdaLIN (the TensorFlow release's `--smoothing`); None takes
            what the file says, or what `find_smoothing` makes of it.
        half: store float16 in place of float32.

    Raises:
        WeightsError: no such checkpoint, a damaged one, tensors missing, extra, misshapen or not finite (each named).
        OSError: the file cannot be written.
    """
    with _open(Path(checkpoint), direction) as found:
        config = _config(checkpoint, found, image_size)
        _compare(checkpoint, found, expected_shapes(config))
        smoothed = find_smoothing(found, smoothing)
        config = replace(config, smoothing=smoothed.on)
        tensors = _read(checkpoint, found, half)
    provenance = {
        **found.provenance,
        "direction": str(direction),
        "imported": f"{Path(checkpoint).name} ({found.release})",
    }
    _write(out, {f"{direction.scope}/{name}": value for name, value in tensors.items()}, config, provenance)
    return Imported(config, found.release, sum(value.size for value in tensors.values()), str(smoothed))


def _open(path: Path, direction: Direction) -> AbstractContextManager[Found]:
    if path.suffix in (".pt", ".pth") and path.is_file():
        from ugatit.importing.torch_file import open_torch

        return open_torch(path, direction)
    if path.suffix == ".safetensors":
        from ugatit.importing.native import open_native

        return open_native(path, direction)
    from ugatit.importing.tf_checkpoint import find_prefix, open_tensorflow

    return open_tensorflow(find_prefix(path), direction)


def _config(checkpoint: str | Path, found: Found, image_size: int | None) -> GeneratorConfig:
    shapes = {name: tensor.shape for name, tensor in found.tensors.items()}
    try:
        return read_off(shapes, found.dialect, image_size=image_size or found.facts.get("image_size"))
    except Unreadable as error:
        message = str(error)
        name = message.split(" ", 1)[0]
        if "/" in name:
            message = message.replace(name, found.spell(name), 1)
        raise WeightsError(f"{checkpoint}: {message}. It is no generator of U-GAT-IT, or not a whole one.") from error


def _compare(checkpoint: str | Path, found: Found, expected: Mapping[str, tuple[int, ...]]) -> None:
    held = found.tensors
    problems = [f"{found.spell(name)} is missing" for name in sorted(set(expected) - set(held))]
    strange = [*found.strange, *(found.spell(name) for name in set(held) - set(expected))]
    problems += [f"{name} has no place in this network" for name in sorted(strange)]
    problems += [
        f"{found.spell(name)} has shape {held[name].shape}, not {shape} (height, width, in, out)"
        for name, shape in sorted(expected.items())
        if name in held and held[name].shape != shape
    ]
    _raise(checkpoint, problems)


def _read(checkpoint: str | Path, found: Found, half: bool) -> dict[str, np.ndarray]:
    problems, tensors = [], {}
    for name, tensor in sorted(found.tensors.items()):
        with np.errstate(over="ignore"):
            value = tensor.read().astype("f2" if half else "f4", copy=False)
        if not np.isfinite(value).all():
            problems.append(f"{found.spell(name)} holds numbers that are not finite{' in float16' if half else ''}")
        tensors[name] = value
    _raise(checkpoint, problems)
    return tensors


def _raise(checkpoint: str | Path, problems: list[str]) -> None:
    if problems:
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise WeightsError(f"{checkpoint}: {'; '.join(problems[:SHOWN])}{more}.")


def _write(out: str | Path, tensors: dict[str, np.ndarray], config: GeneratorConfig, provenance: Any) -> None:
    from ugatit.loading import write_tensors  # brings Keras along

    write_tensors(out, tensors, config, provenance)
