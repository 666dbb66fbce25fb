"""U-GAT-IT on TensorFlow, as an engine runs it. Imported in engine processes only."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.engine_process import Spec

if TYPE_CHECKING:
    import tensorflow as tf

NATIVE_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16", "svebf16"}  # x86, then Arm, as /proc/cpuinfo names them
CPUINFO = Path("/proc/cpuinfo")


def load(spec: Spec) -> "KerasNetwork":
    """The generator in `spec.weights` on `spec.device`, compiled to one graph for all batch sizes.

    Raises:
        ugatit.WeightsError: the file is missing or wrong.
        ValueError: there is no such device.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import tensorflow as tf

    import ugatit

    gpus = tf.config.list_physical_devices("GPU")
    index = _gpu(spec.device, len(gpus))
    tf.config.set_visible_devices([] if index is None else [gpus[index]], "GPU")
    if index is not None:
        tf.config.experimental.set_memory_growth(gpus[index], True)
    dtype = _dtype(spec.precision, None if index is None else gpus[index])
    model = ugatit.load_generator(spec.weights, dtype=dtype, direction=spec.direction or None)
    return KerasNetwork(model, spec.size, "cpu" if index is None else f"gpu:{index}", max(1, len(gpus)))


class KerasNetwork:
    """A Keras model from [-1, 1] to [-1, 1], between arrays of bytes. See `engine_process.Network`."""

    def __init__(self, model: Any, size: int, device: str, devices: int) -> None:
        import tensorflow as tf

        self.device = device
        self.devices = devices

        def paint(batch: "tf.Tensor") -> "tf.Tensor":
            pictures = tf.cast(model(tf.cast(batch, tf.float32) / 127.5 - 1.0, training=False), tf.float32)
            return tf.cast(tf.clip_by_value(tf.round((pictures + 1.0) * 127.5), 0.0, 255.0), tf.uint8)

        self._paint = tf.function(paint, input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)])

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        try:
            pictures: np.ndarray = self._paint(batch).numpy()
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(str(error).partition("\n")[0]) from None
        return pictures


def _gpu(device: str, count: int) -> int | None:
    """The index among TensorFlow's GPUs; None is the processor."""
    if device == "cpu" or (device == "auto" and count == 0):
        return None
    index = 0 if device == "auto" else int(device.removeprefix("gpu:"))
    if index >= count:
        raise ValueError(f"MODEL_DEVICES names {device}, but TensorFlow sees {count} GPUs on this machine")
    return index


def _dtype(precision: str, gpu: Any | None) -> str:
    """bfloat16 only where it is computed natively: emulated it is slower than float32."""
    if precision != "auto":
        return precision
    if gpu is not None:
        import tensorflow as tf

        major, _ = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        return "bfloat16" if major >= 8 else "float32"
    flags = set(CPUINFO.read_text().split()) if CPUINFO.exists() else set()  # Linux alone has it
    return "bfloat16" if NATIVE_BFLOAT16 & flags else "float32"
