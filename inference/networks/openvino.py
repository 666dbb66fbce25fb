"""U-GAT-IT on OpenVINO, for Intel's and other x86 processors. TensorFlow lays the graph, once for each weights file."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from inference.engine_process import Spec
from inference.networks import greeting
from inference.networks.devices import gpu
from inference.networks.graphs import NAME, Graphs
from inference.networks.precision import on_processor
from ugatit.exporting import openvino as exporting

HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}


def load(spec: Spec) -> "OpenVinoNetwork":
    """See `inference.networks.tensorflow.load`. The processor is its only device here."""
    gpu(spec.device, 0, "OpenVINO")
    graphs = Graphs(spec)
    if network := graphs.read(lambda path: _compiled(path, spec)):
        return network
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        _lay(spec, path)
        network = _compiled(path, spec)
        graphs.keep(Path(folder))
    return network


def _lay(spec: Spec, path: Path) -> None:
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with greeting.unsaid():
        import keras  # noqa: F401  brings TensorFlow
    import ugatit

    exporting.export(ugatit.load_generator(spec.weights, direction=spec.direction or None), path)


def _compiled(path: Path, spec: Spec) -> "OpenVinoNetwork":
    hint = HINTS[on_processor(spec.precision)]
    threads = os.cpu_count() or 1  # by itself it takes one of each pair that shares a core
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads}
    return OpenVinoNetwork(exporting.runtime().Core().compile_model(str(path), "CPU", settings))


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
