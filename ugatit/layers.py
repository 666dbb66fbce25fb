"""Convolutions with reflection padding and the attention of U-GAT-IT, as Keras layers; (N, H, W, C) throughout."""

from typing import Any

import keras
import numpy as np
from keras import ops

from ugatit.winograd import winograd

# FOLD[i, p, k]: whether row k of a 3 x 3 kernel falls on row i of the 2 x 2 one, for even (p = 0) and odd (p = 1) rows.
FOLD = np.array([[[1, 0, 0], [1, 1, 0]], [[0, 1, 1], [0, 0, 1]]], "float32")
NORMAL = {"class_name": "RandomNormal", "config": {"mean": 0.0, "stddev": 0.02}}  # as both the paper and CycleGAN
LEAST = 16  # channels on either side from which on Winograd's form pays


class _Conv(keras.layers.Layer):
    """Kernel and bias of a convolution.

    Args:
        filters: channels of the result.
        kernel_size: side of the square kernel, odd.
        use_bias: whether there is a weight `bias`, shape (filters,), besides `kernel`, (k, k, C, filters).
        activation: applied to the result; name or callable, None for nothing.
        kernel_initializer: see `keras.layers.Conv2D`.
        winograd: see `ugatit.winograd`; used where it applies, and in float32 alone. N must be known.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        use_bias: bool = True,
        activation: Any = None,
        kernel_initializer: Any = NORMAL,
        winograd: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.use_bias = use_bias
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.winograd = winograd

    def _add_weights(self, channels: int) -> None:
        side = self.kernel_size
        shape = (side, side, channels, self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")

    def _convolve(self, x: Any, kernel: Any, strides: int = 1) -> Any:
        """Without padding."""
        side, _, channels, filters = kernel.shape
        applies = strides == 1 and side in (2, 3) and min(channels, filters) >= LEAST
        if self.winograd and applies and self.compute_dtype == "float32":
            return winograd(x, kernel)
        return ops.conv(x, kernel, strides=strides, padding="valid", data_format="channels_last")

    def _finish(self, x: Any) -> Any:
        return self.activation(x + self.bias if self.use_bias else x)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "use_bias": self.use_bias,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "winograd": self.winograd,
        }


@keras.saving.register_keras_serializable(package="ugatit")
class ReflectConv2D(_Conv):
    """A convolution of stride 1 or 2 over a picture that goes on as its own mirror image beyond its border.

    Args:
        strides: 1 keeps height and width; 2 halves them, both must be even.
    """

    def __init__(self, filters: int, kernel_size: int, *, strides: int = 1, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **kwargs)
        self.strides = strides

    def build(self, input_shape: Any) -> None:
        self._add_weights(input_shape[-1])

    def call(self, x: Any) -> Any:
        before = self.kernel_size // 2
        after = self.kernel_size - self.strides - before  # stride 2 never reaches the last row of a symmetric border
        if before:
            x = ops.pad(x, ((0, 0), (before, after), (before, after), (0, 0)), mode="reflect")
        return self._finish(self._convolve(x, ops.convert_to_tensor(self.kernel), self.strides))

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape
        return batch, height // self.strides, width // self.strides, self.filters

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strides": self.strides}


@keras.saving.register_keras_serializable(package="ugatit")
class RowwiseConv2D(ReflectConv2D):
    """A reflecting convolution with few filters, stride 1, as that many convolutions of one row of the kernel each.

    Matrix products with three columns leave a processor idle. One convolution with the kernel's rows side by side
    as filters (3 x 7 = 21 of them), shifted and added, is the same sum: 3.7 times as fast for the 7 x 7 convolution to
    RGB on a CPU. The sum is taken and returned in float32.
    """

    def call(self, x: Any) -> Any:
        """(N, H, W, C) → (N, H, W, filters), float32."""
        side, border, (_, height, width, channels) = self.kernel_size, self.kernel_size // 2, x.shape
        x = ops.pad(x, ((0, 0), (border, border), (border, border), (0, 0)), mode="reflect")
        # (row, column, C, F) → (1, column, C, row * F)
        rows = ops.reshape(ops.transpose(self.kernel, (1, 2, 0, 3)), (1, side, channels, side * self.filters))
        x = ops.cast(ops.conv(x, rows, padding="valid", data_format="channels_last"), "float32")
        by_row = ops.split(x, side, axis=-1)
        if self.winograd:
            shifted_rows = [_window(part, row, height, 0, width) for row, part in enumerate(by_row)]
        else:
            shifted_rows = [part[:, row : row + height] for row, part in enumerate(by_row)]
        total = shifted_rows[0]
        for shifted in shifted_rows[1:]:
            total = total + shifted
        return self.activation(total + ops.cast(self.bias, "float32") if self.use_bias else total)

    def compute_output_spec(self, x: Any) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype="float32")


@keras.saving.register_keras_serializable(package="ugatit")
class UpConv2D(_Conv):
    """Doubling by nearest neighbour and a reflecting 3 x 3 convolution, in four ninths of the arithmetic.

    Three neighbours of a doubled row hold two rows of the original: above an even row lies its predecessor, below an
    odd one its successor, everything else is the row itself. So each of the four kinds of pixel (even or odd row and
    column) is a 2 x 2 convolution of the original with sums of the kernel's rows and columns, and the mirror image
    beyond the doubled border is the original's border once more.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        kwargs.pop("kernel_size", None)
        super().__init__(filters, 3, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._add_weights(input_shape[-1])

    def call(self, x: Any) -> Any:
        """(N, H, W, C) → (N, 2 H, 2 W, filters)."""
        _, height, width, _ = x.shape
        x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="symmetric")
        x = self._convolve(x, self._folded())  # (N, H + 1, W + 1, 4 F)
        if self.winograd:
            parts = enumerate(ops.split(x, 4, axis=-1))
            quarters = [_window(part, i // 2, height, i % 2, width) for i, part in parts]
        else:
            quarters = [
                x[:, row : height + row, column : width + column, first : first + self.filters]
                for row, column, first in ((i // 2, i % 2, i * self.filters) for i in range(4))
            ]
        rows = [ops.stack(quarters[i : i + 2], axis=3) for i in (0, 2)]  # twice (N, H, W, 2, F)
        x = ops.reshape(ops.stack(rows, axis=2), (-1, 2 * height, 2 * width, self.filters))
        return self._finish(x)

    def _folded(self) -> Any:
        """(3, 3, C, F) → (2, 2, C, 4 F), summed in float32; the filters of even rows come first, even columns first."""
        kernel = ops.einsum("irk,jcl,klnf->ijnrcf", FOLD, FOLD, ops.cast(self.kernel, "float32"))
        return ops.cast(ops.reshape(kernel, (2, 2, -1, 4 * self.filters)), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, _ = input_shape
        return batch, 2 * height, 2 * width, self.filters

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["kernel_size"]
        return config


@keras.saving.register_keras_serializable(package="ugatit")
class CAMHead(keras.layers.Layer):
    """The auxiliary classifier over one pooled feature vector per branch (arXiv:1907.10830, section 2.1.1).

    Its weights say how much every channel speaks for the source domain: they are what gates the features.

    Args:
        use_bias: whether there is a weight `bias`, shape (1,), besides `kernel`, (C, 1).
    """

    def __init__(self, *, use_bias: bool = True, kernel_initializer: Any = NORMAL, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[-1], 1)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        if self.use_bias:
            self.bias = self.add_weight(shape=(1,), initializer="zeros", name="bias")

    def call(self, pooled: Any) -> tuple[Any, Any]:
        """(N, C) → the logit, (N, 1), and the attention weights, (C,)."""
        logit, attention = ops.matmul(pooled, self.kernel), self.kernel[:, 0]
        return (logit + self.bias, attention + self.bias) if self.use_bias else (logit, attention)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], 1), (input_shape[1],)

    def get_config(self) -> dict[str, Any]:
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "use_bias": self.use_bias, "kernel_initializer": initializer}


@keras.saving.register_keras_serializable(package="ugatit")
class AttentionConv2D(_Conv):
    """The 1 x 1 convolution that joins the features gated by either branch.

    It convolves [x * by_average, x * by_maximum]; the gates go into the kernel instead, which halves the arithmetic
    and spares the two copies of the features.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        kwargs.pop("kernel_size", None)
        super().__init__(filters, 1, **kwargs)

    def build(self, input_shape: Any, *_: Any) -> None:
        self._add_weights(2 * input_shape[-1])

    def call(self, x: Any, by_average: Any, by_maximum: Any) -> Any:
        """x: (N, H, W, C); the attention weights of the average- and the max-pooled branch: (C,)."""
        gates = ops.expand_dims(ops.concatenate([by_average, by_maximum]), -1)  # (2 C, 1)
        average, maximum = ops.split(self.kernel * gates, 2, axis=2)  # each (1, 1, C, F)
        x = ops.conv(x, average + maximum, padding="valid", data_format="channels_last")
        return self._finish(x)

    def compute_output_shape(self, input_shape: Any, *_: Any) -> Any:
        return *input_shape[:-1], self.filters

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["kernel_size"]
        return config


def _window(x: Any, row: int, height: int, column: int, width: int) -> Any:
    """A part of a picture, for training: the gradient of `x[…]` costs TensorFlow many times what this one's does.

    N must be known, as it is while training.
    """
    return ops.slice(x, (0, row, column, 0), (x.shape[0], height, width, x.shape[3]))
