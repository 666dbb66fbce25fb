"""A file for ONNX Runtime and whatever else reads ONNX: any number of pictures."""

from pathlib import Path

import keras
import numpy as np

from ugatit.exporting.errors import ExportError, RuntimeMissing


def export(generator: keras.Model, path: Path) -> None:
    """Writes the file `path`.

    Raises:
        ExportError: the converter is not installed.
    """
    size = generator.config.image_size
    generator(np.zeros((1, size, size, 3), "float32"))  # Keras refuses one that has never been called
    try:
        generator.export(str(path), format="onnx", verbose=False)
    except ImportError as error:
        raise ExportError(f"ONNX is written by tf2onnx: pip install tf2onnx onnx ({error}).") from error


def paint(path: Path, pictures: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) float32 in [-1, 1] → the same.

    Raises:
        RuntimeMissing: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissing("pip install onnxruntime") from error
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: pictures})[0]
