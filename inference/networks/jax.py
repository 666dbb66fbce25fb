"""U-GAT-IT on JAX."""

import os
from typing import Any

import numpy as np

from inference.engine_process import Spec
from inference.networks.devices import gpu, name
from inference.networks.precision import on_processor


def load(spec: Spec) -> "JaxNetwork":
    """See `inference.networks.tensorflow.load`."""
    os.environ["KERAS_BACKEND"] = "jax"
    import jax

    import ugatit

    gpus = [device for device in jax.devices() if device.platform == "gpu"]
    index = gpu(spec.device, len(gpus), "JAX")
    device = jax.devices("cpu")[0] if index is None else gpus[index]
    dtype = on_processor(spec.precision) if index is None or spec.precision != "auto" else "bfloat16"
    with jax.default_device(device):
        model = ugatit.load_generator(
            spec.weights, dtype=dtype, direction=spec.direction or None, winograd=index is None and dtype == "float32"
        )
    return JaxNetwork(model, device, name(index), max(1, len(gpus)))


class JaxNetwork:
    """See `inference.networks.tensorflow.TensorFlowNetwork`."""

    def __init__(self, model: Any, on: Any, device: str, devices: int) -> None:
        import jax
        import jax.numpy as jnp

        self.device = device
        self.devices = devices
        self._on = on
        self._weights = jax.device_put(
            ([v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]), on
        )

        @jax.jit
        def paint(weights: Any, batch: Any) -> Any:
            pictures, _ = model.stateless_call(*weights, batch.astype(jnp.float32) / 127.5 - 1.0, training=False)
            return jnp.clip(jnp.round((pictures.astype(jnp.float32) + 1.0) * 127.5), 0.0, 255.0).astype(jnp.uint8)

        self._paint = paint

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        import jax

        try:
            return np.asarray(self._paint(self._weights, jax.device_put(batch, self._on)))
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" in str(error):
                raise MemoryError(str(error).partition("\n")[0]) from None
            raise
