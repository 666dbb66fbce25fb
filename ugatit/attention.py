"""Where the generator looks: its class activation map, laid over the picture (arXiv:1907.10830, figure 2)."""

import keras
import numpy as np
from PIL import Image

from ugatit.pixels import to_bytes

ATTENDED = "conv_1x1-conv2d"  # its output, after ReLU, are the features gated by the classifier's weights
STRENGTH = 0.5  # share of the colours in an overlay


def attention_model(model: keras.Model) -> keras.Model:
    """The generator with a second output: pictures (N, S, S, 3) → the same painted, and maps (N, H, H) not below 0.

    A map is the sum over the channels of the attended features, as both releases draw it; H is the bottleneck's side.
    The weights are the generator's own, not copies.
    """
    features = keras.ops.cast(model.get_layer(ATTENDED).output, "float32")
    return keras.Model(model.input, [model.output, keras.ops.sum(features, axis=-1)], name="generator_with_attention")


def paint_attended(attended: keras.Model, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, S, S, 3) in [-1, 1] → painted, and overlaid with where the generator looked, both the same as bytes, uint8.

    attended: see `attention_model`.
    """
    painted, heat = (keras.ops.convert_to_numpy(output) for output in attended(pictures, training=False))
    photos = to_bytes(pictures)
    return to_bytes(painted), np.stack([overlay(photo, map_) for photo, map_ in zip(photos, heat, strict=True)])


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Half the picture, half the colours of its map, stretched from its least to its greatest: blue over green to red.

    picture: (S, S, 3) uint8; heat: (H, H), any range → (S, S, 3) uint8.
    """
    low, high = float(heat.min()), float(heat.max())
    scaled = (heat.astype("f4") - low) / (high - low) if high > low else np.zeros(heat.shape, "f4")
    side = picture.shape[1], picture.shape[0]
    smooth = np.asarray(Image.fromarray(scaled).resize(side, Image.Resampling.BICUBIC)).clip(0, 1)
    mixed = (1 - STRENGTH) * picture + STRENGTH * 255 * colours(smooth)
    return np.rint(mixed).astype("uint8")


def colours(values: np.ndarray) -> np.ndarray:
    """The rainbow that heat maps are usually drawn in ("jet"): [0, 1] of any shape → (..., 3) RGB in [0, 1]."""
    centres = np.array([0.75, 0.5, 0.25])
    return np.clip(1.5 - np.abs(4 * (values[..., None] - centres)), 0, 1)
