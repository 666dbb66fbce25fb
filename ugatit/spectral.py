"""Layers whose kernel is divided by its largest singular value (arXiv:1802.05957), as Keras layers.

Keras' own `SpectralNormalization` writes the divided kernel back over the trained one and lets no gradient through the
singular value; U-GAT-IT divides a copy, and the gradient knows of the division.
"""

from typing import Any

import keras
from keras import ops

from ugatit.layers import NORMAL


class _Spectral(keras.layers.Layer):
    """A kernel and the left-over `u` of its power iteration, shape (1, filters), which is state, not trained."""

    def __init__(self, *, kernel_initializer: Any = NORMAL, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def _add_weights(self, shape: tuple[int, ...]) -> None:
        # Not cast to the compute type: the singular value is taken in float32.
        options: dict[str, Any] = {"shape": shape, "initializer": self.kernel_initializer, "autocast": False}
        self.kernel = self.add_weight(name="kernel", **options)
        self.bias = self.add_weight(shape=shape[-1:], initializer="zeros", name="bias")
        start = keras.initializers.RandomNormal(0.0, 1.0)
        self.u = self.add_weight(shape=(1, shape[-1]), initializer=start, name="u", trainable=False, autocast=False)

    def _normalised(self, training: bool) -> Any:
        """The kernel over its largest singular value, float32. One power iteration, remembered while training."""
        matrix = ops.reshape(self.kernel, (-1, self.kernel.shape[-1]))  # (everything else, filters)
        fixed = ops.stop_gradient(matrix)
        v = _unit(ops.matmul(self.u, ops.transpose(fixed)))  # (1, everything else)
        u = _unit(ops.matmul(v, fixed))
        if training:
            self.u.assign(u)
        sigma = ops.sum(ops.matmul(v, matrix) * u)
        return self.kernel / sigma

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "kernel_initializer": initializer}


@keras.saving.register_keras_serializable(package="ugatit")
class SpectralConv2D(_Spectral):
    """A spectral-normalised 4 x 4 convolution over a picture that goes on as its own mirror image.

    Args:
        filters: channels of the result.
        strides: 1 keeps height and width (one more row and column below and to the right are mirrored than above and
            to the left, as in the authors' TensorFlow release); 2 halves them, both must be even.
        negative_slope: of the leaky rectifier applied to the result; None for none.
    """

    SIDE = 4

    def __init__(self, filters: int, *, strides: int = 1, negative_slope: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.negative_slope = negative_slope

    def build(self, input_shape: Any) -> None:
        self._add_weights((self.SIDE, self.SIDE, input_shape[-1], self.filters))

    def call(self, x: Any, training: bool = False) -> Any:
        """(N, H, W, C) → (N, H / strides, W / strides, filters)."""
        after = self.SIDE - self.strides - 1
        x = ops.pad(x, ((0, 0), (1, after), (1, after), (0, 0)), mode="reflect")
        kernel = ops.cast(self._normalised(training), self.compute_dtype)
        x = ops.conv(x, kernel, strides=self.strides, padding="valid", data_format="channels_last") + self.bias
        return x if self.negative_slope is None else ops.leaky_relu(x, self.negative_slope)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape
        return batch, height // self.strides, width // self.strides, self.filters

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "strides": self.strides, "negative_slope": self.negative_slope}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="ugatit")
class SpectralCAMHead(_Spectral):
    """The auxiliary classifier of a discriminator: one head for the average- and the max-pooled features.

    Logits and gates both come from the normalised kernel, bias added, as in the authors' TensorFlow release. Their
    PyTorch release, which has no bias there, gates by the kernel as trained.
    """

    def build(self, average_shape: Any, maximum_shape: Any = None) -> None:
        self._add_weights((average_shape[-1], 1))

    def call(self, average: Any, maximum: Any, training: bool = False) -> tuple[Any, Any]:
        """Twice (N, C) → the logits of either branch, (N, 2) float32, and the attention weights, (C,)."""
        pooled = ops.cast(ops.stack([average, maximum], axis=1), "float32")  # (N, 2, C)
        bias = ops.cast(self.bias, "float32")
        kernel = self._normalised(training)
        logits = ops.matmul(pooled, kernel)[..., 0] + bias
        return logits, ops.cast(kernel[:, 0] + bias, self.compute_dtype)

    def compute_output_spec(self, average: Any, maximum: Any, training: bool = False) -> Any:
        logits = keras.KerasTensor((average.shape[0], 2), dtype="float32")
        return logits, keras.KerasTensor((average.shape[-1],), dtype=self.compute_dtype)


def _unit(x: Any) -> Any:
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x)), 1e-12))
