"""An .xml file for Intel's OpenVINO, with its weights in a .bin file beside it."""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ugatit.exporting.errors import ExportError, RuntimeMissing

if TYPE_CHECKING:
    import keras


def export(generator: "keras.Model", path: Path) -> None:
    """Writes the files `path` and `path` with .bin as its suffix; float32, as the network is.

    Raises:
        ExportError: OpenVINO, which converts, is not installed, or the path does not end in .xml.
    """
    if path.suffix != ".xml":
        raise ExportError(f"{path}: OpenVINO wants a name that ends in .xml.")
    try:
        openvino = runtime()
    except RuntimeMissing as error:
        raise ExportError(f"OpenVINO converts its own files: {error}.") from error
    from ugatit.exporting import saved_model  # brings Keras, which what only computes here does without

    # By way of the format that OpenVINO reads itself, so that it does not hang on what Keras knows of its versions.
    with tempfile.TemporaryDirectory() as folder:
        saved_model.export(generator, Path(folder) / "model")
        openvino.save_model(openvino.convert_model(str(Path(folder) / "model")), str(path), compress_to_fp16=False)


def paint(path: Path, pictures: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) float32 in [-1, 1] → the same, computed in float32.

    Raises:
        RuntimeMissing: OpenVINO is not installed.
    """
    # Left alone it computes in bfloat16 where the processor can, and the comparison would be of that.
    model = runtime().Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return model([pictures])[0]


def runtime() -> Any:
    """The module `openvino`, without the package that would tell Google Analytics of every import and conversion.

    Raises:
        RuntimeMissing: OpenVINO is not installed.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # refuses the import; it is optional there
    try:
        import openvino
    except ImportError as error:
        raise RuntimeMissing("pip install openvino") from error
    return openvino
