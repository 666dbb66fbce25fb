"""U-GAT-IT on OpenVINO, for Intel's and other x86 processors. TensorFlow lays the graph, once at the start."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from inference.engine_process import Spec
from inference.networks import greeting
from inference.networks.devices import gpu
from inference.networks.precision import on_processor

HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}


def load(spec: Spec) -> "OpenVinoNetwork":
    """See `inference.networks.tensorflow.load`. The processor is its only device here."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with greeting.unsaid():
        import keras  # noqa: F401  brings TensorFlow
    import ugatit
    from ugatit.exporting import openvino as exporting

    gpu(spec.device, 0, "OpenVINO")
    model = ugatit.load_generator(spec.weights, direction=spec.direction or None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "generator.xml"
        exporting.export(model, path)
        hint = HINTS[on_processor(spec.precision)]
        threads = os.cpu_count() or 1  # by itself it takes one of each pair that shares a core
        compiled = (
            exporting.runtime()
            .Core()
            .compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads})
        )
    return OpenVinoNetwork(compiled)


class OpenVinoNetwork:
    """See `inference.networks.tensorflow.TensorFlowNetwork`."""

    device = "cpu"
    devices = 1

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        pictures = self._compiled([batch.astype(np.float32) / 127.5 - 1.0])[0]
        painted: np.ndarray = ((pictures + 1.0) * 127.5).round().clip(0, 255).astype(np.uint8)
        return painted
