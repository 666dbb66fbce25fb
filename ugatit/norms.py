"""Instance norm and its two relatives of U-GAT-IT, as Keras layers.

All of them come down to one scale and one shift for every channel of every picture, computed from the mean and the
variance of that channel in float32 (whatever the layer computes in) and applied in one pass.

Source: arXiv:1907.10830, section 2.1 "Adaptive Layer-Instance Normalization".
"""

from typing import Any

import keras
from keras import ops

EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="ugatit")
class UnitInterval(keras.constraints.Constraint):
    """Holds rho within [0, 1] after every training step."""

    def __call__(self, w: Any) -> Any:
        return ops.clip(w, 0.0, 1.0)


class _Norm(keras.layers.Layer):
    """What the three have in common: statistics, one scale-and-shift, an optional activation after it.

    Args:
        unbiased: divide the variances by n - 1 (as `torch.var` does) and not by n.
        activation: applied to the result; name or callable, None for nothing.
    """

    def __init__(self, *, unbiased: bool = False, activation: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unbiased = unbiased
        self.activation = keras.activations.get(activation)

    def _weight(self, name: str, channels: int, value: float, constraint: Any = None) -> Any:
        initial = keras.initializers.Constant(value)
        return self.add_weight(shape=(channels,), initializer=initial, name=name, constraint=constraint, autocast=False)

    def _moments(self, x: Any) -> tuple[Any, Any]:
        """Mean and population variance of every channel: (N, H, W, C) → twice (N, 1, 1, C), float32."""
        x = ops.cast(x, "float32")
        mean = ops.mean(x, axis=(1, 2), keepdims=True)
        return mean, ops.mean(ops.square(x - mean), axis=(1, 2), keepdims=True)

    def _layer_instance(self, x: Any, rho: Any, gamma: Any, beta: Any) -> Any:
        """gamma * (rho * IN(x) + (1 - rho) * LN(x)) + beta. rho: (C,); gamma, beta: (C,) or (N, 1, 1, C); float32."""
        mean, variance = self._moments(x)  # (N, 1, 1, C)
        layer_mean = ops.mean(mean, axis=3, keepdims=True)  # (N, 1, 1, 1)
        offset = mean - layer_mean
        # The law of total variance: no second pass over the feature map for the layer's own statistics.
        layer_variance = ops.mean(variance + ops.square(offset), axis=3, keepdims=True)
        if self.unbiased:
            _, height, width, channels = x.shape
            cells = height * width
            variance = variance * (cells / (cells - 1))
            layer_variance = layer_variance * (cells * channels / (cells * channels - 1))
        by_instance = rho * ops.rsqrt(variance + EPSILON)
        by_layer = (1.0 - rho) * ops.rsqrt(layer_variance + EPSILON)
        scale = gamma * (by_instance + by_layer)
        # Shifted so that the channel's own mean becomes 0 under IN and its offset from the layer's mean under LN.
        return self._apply(x, scale, beta + gamma * by_layer * offset - scale * mean)

    def _apply(self, x: Any, scale: Any, shift: Any) -> Any:
        """scale, shift: (N, 1, 1, C) float32."""
        return self.activation(x * ops.cast(scale, x.dtype) + ops.cast(shift, x.dtype))

    def compute_output_shape(self, input_shape: Any, *_: Any, **__: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "unbiased": self.unbiased, "activation": activation}


@keras.saving.register_keras_serializable(package="ugatit")
class InstanceNorm(_Norm):
    """Every channel of every picture to mean 0 and variance 1 (population), then, if affine, times gamma plus beta.

    Args:
        affine: whether there are weights `gamma` (starts at 1) and `beta` (at 0), shape (C,).
        activation: see `keras.layers.Dense`.
    """

    def __init__(self, *, affine: bool = True, activation: Any = None, **kwargs: Any) -> None:
        kwargs.pop("unbiased", None)  # both releases use the population variance here
        super().__init__(activation=activation, **kwargs)
        self.affine = affine

    def build(self, input_shape: Any) -> None:
        if self.affine:
            self.gamma = self._weight("gamma", input_shape[-1], 1.0)
            self.beta = self._weight("beta", input_shape[-1], 0.0)

    def call(self, x: Any) -> Any:
        """(N, H, W, C) → the same."""
        mean, variance = self._moments(x)
        scale = ops.rsqrt(variance + EPSILON)
        if not self.affine:
            return self._apply(x, scale, -mean * scale)
        scale = scale * ops.cast(self.gamma, "float32")
        return self._apply(x, scale, ops.cast(self.beta, "float32") - mean * scale)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "affine": self.affine}


@keras.saving.register_keras_serializable(package="ugatit")
class LIN(_Norm):
    """Layer-instance norm: a learned mixture `rho` of instance and layer norm, then times gamma plus beta.

    Weights, shape (C,): `rho` (starts at 0: all layer norm), `gamma` (1), `beta` (0).
    """

    def build(self, input_shape: Any) -> None:
        self.rho = self._weight("rho", input_shape[-1], 0.0, UnitInterval())
        self.gamma = self._weight("gamma", input_shape[-1], 1.0)
        self.beta = self._weight("beta", input_shape[-1], 0.0)

    def call(self, x: Any) -> Any:
        """(N, H, W, C) → the same."""
        return self._layer_instance(x, *(ops.cast(w, "float32") for w in (self.rho, self.gamma, self.beta)))


@keras.saving.register_keras_serializable(package="ugatit")
class AdaLIN(_Norm):
    """Layer-instance norm whose gamma and beta come with every picture, from the MLP.

    Args:
        initial_rho: where the weight `rho`, shape (C,), starts.
        smoothing: how much is taken off rho (then clipped to [0, 1]) before it is used; 0 leaves it as it is.
        unbiased, activation: as in `LIN`.
    """

    def __init__(self, *, initial_rho: float = 1.0, smoothing: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_rho = initial_rho
        self.smoothing = smoothing

    def build(self, input_shape: Any, *_: Any) -> None:
        self.rho = self._weight("rho", input_shape[-1], self.initial_rho, UnitInterval())

    def call(self, x: Any, gamma: Any, beta: Any) -> Any:
        """x: (N, H, W, C); gamma, beta: (N, C) → like x."""
        rho = ops.cast(self.rho, "float32")
        if self.smoothing:
            rho = ops.clip(rho - self.smoothing, 0.0, 1.0)
        gamma, beta = (ops.cast(ops.expand_dims(t, (1, 2)), "float32") for t in (gamma, beta))
        return self._layer_instance(x, rho, gamma, beta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "initial_rho": self.initial_rho, "smoothing": self.smoothing}
