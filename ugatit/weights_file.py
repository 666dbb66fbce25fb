"""The native weights file: safetensors, named as in the authors' TensorFlow release; read without Keras.

Tensors are called `generator_B/conv/conv2d/kernel`: scope (`generator_B` selfie → anime, `generator_A` anime → selfie),
layer, weight. Kernels are HWIO, dense ones (in, out), float16, bfloat16 or float32. What the PyTorch release has and
the TensorFlow release lacks is called `CAM_logit_average/kernel` and `CAM_logit_maximum/kernel`.

The metadata holds `config`, a `GeneratorConfig` as JSON, and `provenance`, a JSON object of whatever is known about
where the weights come from. Older files, which lack `config`, are read as well: they give
`base_channels`, `downsamplings`, `image_size` and `light`, and their blocks are counted.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ugatit.config import GeneratorConfig
from ugatit.direction import Direction
from ugatit.errors import WeightsError

SUFFIX = ".safetensors"
BUNDLED = "bundled:"  # before the name of bundled weights, where a path may stand as well


@dataclass(frozen=True, slots=True)
class Header:
    """What a weights file says about itself.

    Args:
        config: the shape of its generators.
        provenance: where they come from; keys and values are free.
        directions: the generators it holds.
        parameters: numbers in all tensors together.
        dtypes: what the tensors are stored as, in safetensors' names (`F16`).
    """

    config: GeneratorConfig
    provenance: Mapping[str, Any]
    directions: tuple[Direction, ...]
    parameters: int
    dtypes: tuple[str, ...]


def read_config(path: str | Path) -> GeneratorConfig:
    """The shape of the generator in a weights file; reads its header alone.

    Raises:
        WeightsError: no such file, a damaged one, or one without a configuration.
    """
    return read_header(path).config


def read_header(path: str | Path) -> Header:
    """All that a weights file says about itself, without its tensors.

    Raises:
        WeightsError: see `read_config`.
    """
    with open_weights(path) as file:
        metadata = file.metadata() or {}
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        count = 0
        for tensor in slices.values():
            size = 1
            for side in tensor.get_shape():
                size *= side
            count += size
        return Header(
            config=_config(path, metadata, list(slices)),
            provenance=_provenance(path, metadata),
            directions=tuple(d for d in Direction if any(name.startswith(f"{d.scope}/") for name in slices)),
            parameters=count,
            dtypes=tuple(sorted({tensor.get_dtype() for tensor in slices.values()})),
        )


def bundled_weights(name: str = "fast") -> Path:
    """Where the weights that come with the project lie: `fast` (selfie → anime), `fast-anime2selfie`.

    Raises:
        WeightsError: there are none of that name; the message lists those there are.
    """
    folder = Path(str(resources.files("ugatit"))) / "weights"
    path = folder / f"{name}{SUFFIX}"
    if Path(name).name != name or not path.is_file():
        found = ", ".join(sorted(file.stem for file in folder.glob(f"*{SUFFIX}"))) or "none"
        raise WeightsError(f"no bundled weights are called {name!r}; in {folder}: {found}")
    return path


@contextmanager
def open_weights(path: str | Path, framework: str = "numpy") -> Iterator[Any]:
    """The open file (`safetensors.safe_open`), with errors that name it.

    Raises:
        WeightsError: no such file, or not a whole safetensors file.
    """
    if not Path(path).is_file():
        raise WeightsError(f"{path}: no such file. Give the path of a .safetensors file of generator weights.")
    try:
        with safe_open(path, framework) as file:
            yield file
    except SafetensorError as error:
        raise WeightsError(
            f"{path}: cut short or no safetensors file ({error}). Copy it again and compare its sha256 with the source."
        ) from error
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error}).") from error


def _config(path: str | Path, metadata: Mapping[str, str], names: list[str]) -> GeneratorConfig:
    try:
        if "config" in metadata:
            return GeneratorConfig.from_json(metadata["config"])
        if "base_channels" in metadata:
            blocks = {m[1] for name in names if (m := re.search(r"/resblock_(\d+)/", name))}
            return GeneratorConfig(
                base_channels=int(metadata["base_channels"]),
                downsamplings=int(metadata["downsamplings"]),
                blocks=len(blocks),
                image_size=int(metadata["image_size"]),
                light=metadata["light"] == "true",
            )
    except (ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"{path}: its configuration is not understood: {error}") from error
    raise WeightsError(
        f"{path}: holds no configuration, so it is no generator of this project. Its metadata has: "
        f"{', '.join(sorted(metadata)) or 'nothing'}."
    )


def _provenance(path: str | Path, metadata: Mapping[str, str]) -> Mapping[str, Any]:
    if "provenance" not in metadata:
        return {key: metadata[key] for key in ("pairs",) if key in metadata}
    try:
        provenance = json.loads(metadata["provenance"])
    except ValueError as error:
        raise WeightsError(f"{path}: its provenance is not JSON: {error}") from error
    return provenance if isinstance(provenance, dict) else {"provenance": provenance}
