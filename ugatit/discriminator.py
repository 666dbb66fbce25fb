"""The discriminators of U-GAT-IT: a local and a global one for each domain (arXiv:1907.10830, appendix C.2)."""

from typing import Any

import keras

from ugatit.layers import NORMAL, AttentionConv2D
from ugatit.recipe import DiscriminatorConfig
from ugatit.spectral import SpectralCAMHead, SpectralConv2D

__all__ = ["SLOPE", "DiscriminatorConfig", "build_discriminator"]

SLOPE = 0.2  # of every leaky rectifier


def build_discriminator(
    config: DiscriminatorConfig, image_size: int, dtype: Any = None, initializer: Any = NORMAL
) -> keras.Model:
    """A functional model: pictures (N, S, S, 3), RGB in [-1, 1], to four float32 logits.

    They are [patches, CAM] of the local and [patches, CAM] of the global discriminator: patches (N, s, s, 1) with
    s = S / 2 ** strided, CAM (N, 2) from average- and max-pooled features. High means real.
    The graph is that of the authors' TensorFlow release, whichever dialect the generators have, and layers are called
    after its variables, with dots for slashes.

    Called with training=True every spectral norm goes one power iteration further; the networks are otherwise the same.

    Raises:
        ValueError: pictures too small for the depth.
    """
    config.check(image_size)
    image = keras.Input((image_size, image_size, 3), name="image")
    outputs: list[Any] = []
    for name, strided in zip(("local", "global"), config.strided, strict=True):
        outputs += _scale(image, config, strided, f"discriminator_{name}", dtype, initializer)
    return keras.Model(image, outputs, name="discriminator")


def _scale(x: Any, config: DiscriminatorConfig, strided: int, name: str, dtype: Any, initializer: Any) -> list[Any]:
    """One discriminator: `strided` convolutions of stride 2, one of stride 1, the attention, a logit per patch."""
    options: dict[str, Any] = {"kernel_initializer": initializer, "dtype": dtype}
    for i in range(strided + 1):
        filters = min(config.base_channels * 2**i, config.cap)
        last = i == strided
        layer = f"{name}-conv_last" if last else f"{name}-conv_{i}"
        x = SpectralConv2D(filters, strides=1 if last else 2, negative_slope=SLOPE, name=layer, **options)(x)
    average = keras.layers.GlobalAveragePooling2D("channels_last", dtype=dtype, name=f"{name}-CAM-average")(x)
    maximum = keras.layers.GlobalMaxPooling2D("channels_last", dtype=dtype, name=f"{name}-CAM-maximum")(x)
    cam, attention = SpectralCAMHead(name=f"{name}-CAM_logit", **options)(average, maximum)
    x = AttentionConv2D(filters, name=f"{name}-conv_1x1-conv2d", **options)(x, attention, attention)
    x = keras.layers.LeakyReLU(SLOPE, dtype=dtype, name=f"{name}-lrelu")(x)
    patches = SpectralConv2D(1, name=f"{name}-D_logit", **options)(x)
    return [keras.layers.Activation("linear", dtype="float32", name=f"{name}-patches")(patches), cam]
