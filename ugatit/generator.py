"""The generator of U-GAT-IT in either published dialect (arXiv:1907.10830, appendix C.1)."""

from typing import Any

import keras

from ugatit.config import GeneratorConfig
from ugatit.layers import NORMAL, AttentionConv2D, CAMHead, ReflectConv2D, RowwiseConv2D, UpConv2D
from ugatit.norms import LIN, AdaLIN, InstanceNorm

SMOOTHING = 0.1  # what the TensorFlow release takes off rho


def build_generator(
    config: GeneratorConfig, dtype: Any = None, initializer: Any = NORMAL, *, winograd: bool = False
) -> keras.Model:
    """A functional model: pictures (N, S, S, 3), RGB in [-1, 1], to the same in float32.

    Layers are called after the variables of the authors' TensorFlow release, with dashes for slashes; `weight_name`
    gives the name of a weight in a file. The outputs of the layers `CAM_logit` are the classifier's (logit, attention).

    Args:
        config: the network's shape; the model carries it as `model.config`.
        dtype: a Keras dtype policy or its name for all layers ("bfloat16" keeps statistics and tanh in float32);
            None takes the global policy.
        initializer: of all kernels; "zeros" saves time where weights are loaded next.
        winograd: quicker on processors, in float32; see `ugatit.winograd`. N must be known where it is called.
    """
    return _Plan(config, dtype, initializer, winograd=winograd).model()


def build_training_generator(
    config: GeneratorConfig, dtype: Any = None, initializer: Any = NORMAL, *, winograd: bool = False
) -> keras.Model:
    """The same network with a second output, the logits of its domain classifier: (N, 2), float32.

    Column 0 comes from the average-pooled features, column 1 from the max-pooled ones. See `build_generator`; and
    `ugatit.winograd` for what trains faster on processors.
    """
    return _Plan(config, dtype, initializer, winograd=winograd).model(with_logits=True)


def weight_name(layer: keras.layers.Layer, weight: Any) -> str:
    """A weight's name below its generator's scope: `resblock_0/res1/conv_0/conv2d/kernel`."""
    return f"{layer.name.replace('-', '/')}/{weight.name}"


class _Plan:
    """Lays the layers of one generator."""

    def __init__(self, config: GeneratorConfig, dtype: Any, initializer: Any, *, winograd: bool = False) -> None:
        self.config = config
        self.winograd = winograd
        self.published_tf = config.dialect == "tensorflow"
        self.dtype = dtype
        self.kernels: dict[str, Any] = {
            "use_bias": self.published_tf,
            "kernel_initializer": initializer,
            "dtype": dtype,
        }

    def model(self, *, with_logits: bool = False) -> keras.Model:
        config, size = self.config, self.config.image_size
        image = keras.Input((size, size, 3), name="image")
        x = self._encode(self._cells(image))
        x, logits = self._attend(x)
        gamma, beta = self._mlp(x)
        for i in range(config.blocks):
            x = self._adaptive_block(x, gamma, beta, f"adaptive_resblock{i}")
        for i in range(config.downsamplings):
            filters = config.width // 2 ** (i + 1)
            x = UpConv2D(filters, name=f"up_conv_{i}-conv2d", winograd=self.winograd, **self.kernels)(x)
            x = LIN(activation="relu", name=f"layer_ins_norm_{i}", unbiased=not self.published_tf, dtype=self.dtype)(x)
        x = RowwiseConv2D(config.colours, 7, name="G_logit-conv2d", winograd=self.winograd, **self.kernels)(x)
        # In bfloat16 tanh would leave steps of 1/256 in bright and dark colours.
        x = keras.layers.Activation("tanh", dtype="float32", name="tanh" if config.pixel_shuffle > 1 else "picture")(x)
        picture = self._pixels(x)
        model = keras.Model(image, [picture, logits] if with_logits else picture, name="generator")
        model.config = config
        return model

    def _cells(self, image: Any) -> Any:
        """(N, S, S, 3) → (N, S / k, S / k, 3 k k) for blocks of k x k pixels: row, column, colour."""
        side, block = self.config.cells, self.config.pixel_shuffle
        if block == 1:
            return image
        x = keras.layers.Reshape((side, block, side, 3 * block), dtype=self.dtype, name="cells-rows")(image)
        x = keras.layers.Permute((1, 3, 2, 4), dtype=self.dtype, name="cells-turned")(x)
        return keras.layers.Reshape((side, side, self.config.colours), dtype=self.dtype, name="cells")(x)

    def _pixels(self, x: Any) -> Any:
        """The inverse of `_cells`, float32."""
        side, block, size = self.config.cells, self.config.pixel_shuffle, self.config.image_size
        if block == 1:
            return x
        x = keras.layers.Reshape((side, side, block, 3 * block), dtype="float32", name="pixels-rows")(x)
        x = keras.layers.Permute((1, 3, 2, 4), dtype="float32", name="pixels-turned")(x)
        return keras.layers.Reshape((size, size, 3), dtype="float32", name="picture")(x)

    def _conv(self, filters: int, side: int, name: str, strides: int = 1) -> ReflectConv2D:
        options = {"strides": strides, "winograd": self.winograd, **self.kernels}
        return ReflectConv2D(filters, side, name=f"{name}-conv2d", **options)

    def _norm(self, name: str, activation: str | None = "relu") -> InstanceNorm:
        return InstanceNorm(affine=self.published_tf, activation=activation, name=name, dtype=self.dtype)

    def _encode(self, x: Any) -> Any:
        """(N, H, H, C) → (N, H / 2 ** downsamplings, the same, width)."""
        config = self.config
        x = self._norm("ins_norm")(self._conv(config.base_channels, 7, "conv")(x))
        for i in range(config.downsamplings):
            x = self._conv(config.base_channels * 2 ** (i + 1), 3, f"conv_{i}", strides=2)(x)
            x = self._norm(f"ins_norm_{i}")(x)
        for i in range(config.blocks):
            x = self._block(x, f"resblock_{i}")
        return x

    def _block(self, x: Any, name: str) -> Any:
        width = self.config.width
        y = self._norm(f"{name}-res1-instance_norm")(self._conv(width, 3, f"{name}-res1-conv_0")(x))
        y = self._norm(f"{name}-res2-instance_norm", None)(self._conv(width, 3, f"{name}-res2-conv_0")(y))
        return keras.layers.Add(name=f"{name}-add", dtype=self.dtype)([x, y])

    def _attend(self, x: Any) -> tuple[Any, Any]:
        """The features that speak for the source domain, and the logits of the classifier that says so."""
        average = keras.layers.GlobalAveragePooling2D("channels_last", dtype=self.dtype, name="CAM-average")(x)
        maximum = keras.layers.GlobalMaxPooling2D("channels_last", dtype=self.dtype, name="CAM-maximum")(x)
        if self.published_tf:
            head = CAMHead(name="CAM_logit", **self.kernels)
            (of_average, by_average), (of_maximum, by_maximum) = head(average), head(maximum)
        else:
            of_average, by_average = CAMHead(name="CAM_logit_average", **self.kernels)(average)
            of_maximum, by_maximum = CAMHead(name="CAM_logit_maximum", **self.kernels)(maximum)
        options = {**self.kernels, "use_bias": True}  # the one convolution with a bias in both dialects
        join = AttentionConv2D(self.config.width, activation="relu", name="conv_1x1-conv2d", **options)
        logits = keras.layers.Concatenate(dtype="float32", name="CAM-logits")([of_average, of_maximum])
        return join(x, by_average, by_maximum), logits

    def _mlp(self, x: Any) -> tuple[Any, Any]:
        """(N, H, W, C) → gamma and beta, (N, C) each. The full MLP sees the feature map in the order H, W, C."""
        width = self.config.width
        if self.config.light:
            x = keras.layers.GlobalAveragePooling2D("channels_last", dtype=self.dtype, name="MLP-average")(x)
        else:
            x = keras.layers.Flatten("channels_last", dtype=self.dtype, name="MLP-flatten")(x)
        for i in range(2):
            x = keras.layers.Dense(width, activation="relu", name=f"MLP-linear_{i}-dense", **self.kernels)(x)
        gamma = keras.layers.Dense(width, name="MLP-gamma-dense", **self.kernels)(x)
        beta = keras.layers.Dense(width, name="MLP-beta-dense", **self.kernels)(x)
        return gamma, beta

    def _adaptive_block(self, x: Any, gamma: Any, beta: Any, name: str) -> Any:
        width = self.config.width
        options: dict[str, Any] = {
            "initial_rho": 1.0 if self.published_tf else 0.9,
            "smoothing": SMOOTHING if self.config.smoothing else 0.0,
            "unbiased": not self.published_tf,
            "dtype": self.dtype,
        }
        y = self._conv(width, 3, f"{name}-res1-conv_0")(x)
        y = AdaLIN(activation="relu", name=f"{name}-res1-instance_layer_norm", **options)(y, gamma, beta)
        y = self._conv(width, 3, f"{name}-res2-conv_0")(y)
        y = AdaLIN(name=f"{name}-res2-instance_layer_norm", **options)(y, gamma, beta)
        return keras.layers.Add(name=f"{name}-add", dtype=self.dtype)([x, y])
