"""U-GAT-IT on PyTorch."""

import os
from typing import Any

import numpy as np

from inference.engine_process import Spec
from inference.networks.devices import gpu, name
from inference.networks.precision import on_processor


def load(spec: Spec) -> "TorchNetwork":
    """See `inference.networks.tensorflow.load`."""
    os.environ["KERAS_BACKEND"] = "torch"
    import torch

    count = torch.cuda.device_count()
    index = gpu(spec.device, count, "PyTorch")
    os.environ["KERAS_TORCH_DEVICE"] = "cpu" if index is None else f"cuda:{index}"  # read when Keras is imported
    import ugatit

    dtype = on_processor(spec.precision) if index is None or spec.precision != "auto" else "bfloat16"
    model = ugatit.load_generator(spec.weights, dtype=dtype, direction=spec.direction or None)
    return TorchNetwork(model, os.environ["KERAS_TORCH_DEVICE"], name(index), max(1, count))


class TorchNetwork:
    """See `inference.networks.tensorflow.TensorFlowNetwork`."""

    def __init__(self, model: Any, on: str, device: str, devices: int) -> None:
        self.device = device
        self.devices = devices
        self._model = model
        self._on = on

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        import torch

        try:
            with torch.inference_mode():
                pictures = self._model(torch.from_numpy(batch).to(self._on).float() / 127.5 - 1.0, training=False)
                painted = ((pictures.float() + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
                result: np.ndarray = painted.cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise MemoryError(str(error).partition("\n")[0]) from None
        return result
