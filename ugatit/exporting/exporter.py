"""The export itself: write beside the target, hold it against Keras, then put it in place."""

import importlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import keras
import numpy as np

from ugatit.exporting.errors import ExportError, RuntimeMissing

TOLERANCE = 1e-4  # largest difference of a value in [-1, 1], float32
PICTURES = 2


class Format(StrEnum):
    """Values are what the command line takes; `module` is where the format is written."""

    SAVED_MODEL = "saved-model"
    ONNX = "onnx"
    TFLITE = "tflite"
    OPENVINO = "openvino"

    @property
    def module(self) -> str:
        return f"ugatit.exporting.{self.value.replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of it.

    Args:
        difference: largest difference from Keras over all values; None where nothing here could run the file.
        missing: what to install to have it checked.
    """

    difference: float | None
    missing: str = ""


def export_generator(generator: keras.Model, path: Path, form: Format, tolerance: float = TOLERANCE) -> Exported:
    """Writes a generator and compares what the written file paints with what Keras paints.

    Args:
        generator: float32, from `load_generator`.
        path: a file or folder that is not there yet.

    Raises:
        ExportError: no converter, something is in the way, or the two differ by more; then nothing is left there.
        OSError: it cannot be written.
    """
    if path.exists():
        raise ExportError(f"{path}: there is something already. Remove it or take another --out.")
    module = importlib.import_module(form.module)
    # In a folder beside the target, so that nobody finds a file that has not been compared.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        beside = Path(folder) / path.name
        module.export(generator, beside)
        try:
            difference = compare(generator, module.paint, beside)
        except RuntimeMissing as error:
            done = Exported(None, str(error))
        else:
            if not difference <= tolerance:  # not finite is refused as well
                raise ExportError(f"{path}: not kept, it differs from Keras by {difference:.2g}, over {tolerance:.2g}.")
            done = Exported(difference)
        for part in sorted(Path(folder).iterdir()):
            os.replace(part, path.parent / part.name)
    return done


def compare(generator: keras.Model, paint: Callable[[Path, np.ndarray], np.ndarray], path: Path) -> float:
    """Largest absolute difference over pictures of noise."""
    size = generator.config.image_size
    pictures = np.random.default_rng(0).uniform(-1, 1, (PICTURES, size, size, 3)).astype("float32")
    return float(np.abs(paint(path, pictures) - np.asarray(generator(pictures, training=False))).max())
