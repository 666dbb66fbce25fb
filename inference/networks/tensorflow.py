"""U-GAT-IT on TensorFlow."""

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.engine_process import Spec
from inference.networks import greeting
from inference.networks.devices import gpu, name
from inference.networks.precision import on_processor

if TYPE_CHECKING:
    import tensorflow as tf


def load(spec: Spec) -> "TensorFlowNetwork":
    """The generator in `spec.weights` on `spec.device`, compiled to a graph for each batch size.

    Raises:
        ugatit.WeightsError: the file is missing or wrong.
        ValueError: there is no such device.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with greeting.unsaid():
        import tensorflow as tf

    import ugatit

    gpus = tf.config.list_physical_devices("GPU")
    index = gpu(spec.device, len(gpus), "TensorFlow")
    tf.config.set_visible_devices([] if index is None else [gpus[index]], "GPU")
    if index is not None:
        tf.config.experimental.set_memory_growth(gpus[index], True)
    dtype = on_processor(spec.precision) if index is None else _on_gpu(spec.precision, gpus[index])
    model = ugatit.load_generator(
        spec.weights, dtype=dtype, direction=spec.direction or None, winograd=index is None and dtype == "float32"
    )
    return TensorFlowNetwork(model, name(index), max(1, len(gpus)))


class TensorFlowNetwork:
    """A Keras model from [-1, 1] to [-1, 1], between arrays of bytes. See `engine_process.Network`."""

    def __init__(self, model: Any, device: str, devices: int) -> None:
        import tensorflow as tf

        self.device = device
        self.devices = devices

        @tf.function  # traced anew for each shape, of which there are as many as buckets
        def paint(batch: "tf.Tensor") -> "tf.Tensor":
            pictures = tf.cast(model(tf.cast(batch, tf.float32) / 127.5 - 1.0, training=False), tf.float32)
            return tf.cast(tf.clip_by_value(tf.round((pictures + 1.0) * 127.5), 0.0, 255.0), tf.uint8)

        self._paint = paint

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        try:
            pictures: np.ndarray = self._paint(tf.constant(batch)).numpy()
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(str(error).partition("\n")[0]) from None
        return pictures


def _on_gpu(precision: str, device: Any) -> str:
    if precision != "auto":
        return precision
    import tensorflow as tf

    major, _ = tf.config.experimental.get_device_details(device).get("compute_capability", (0, 0))
    return "bfloat16" if major >= 8 else "float32"
