"""The discriminators against an independent computation of the published graph in NumPy."""

import keras
import numpy as np
import pytest

from ugatit.discriminator import DiscriminatorConfig, build_discriminator
from ugatit.generator import weight_name
from ugatit.spectral import SpectralConv2D

CONFIG = DiscriminatorConfig(base_channels=3, cap=8, strided=(1, 2))


def randomised(model: keras.Model) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    for layer in model.layers:
        for weight in layer.weights:
            weight.assign(rng.normal(0, 0.4, weight.shape))
    return {weight_name(layer, w): w.numpy() for layer in model.layers for w in layer.weights}


def normalised(kernel: np.ndarray, u: np.ndarray) -> np.ndarray:
    matrix = kernel.reshape(-1, kernel.shape[-1])
    v = u @ matrix.T
    v /= np.linalg.norm(v)
    return kernel / np.linalg.norm(v @ matrix)


def convolved(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int, pads: tuple[int, int]) -> np.ndarray:
    """(H, W, C) by loops over the places of the result."""
    x = np.pad(x, (pads, pads, (0, 0)), mode="reflect")
    side = len(kernel)
    places = range(0, len(x) - side + 1, stride)
    rows = [[np.tensordot(x[i : i + side, j : j + side], kernel, 3) + bias for j in places] for i in places]
    return np.array(rows)


def published(x: np.ndarray, w: dict[str, np.ndarray], name: str, strided: int) -> tuple[np.ndarray, np.ndarray]:
    def leaky(t: np.ndarray) -> np.ndarray:
        return np.where(t > 0, t, 0.2 * t)

    def spectral(t: np.ndarray, layer: str, stride: int, pads: tuple[int, int]) -> np.ndarray:
        path = f"{name}/{layer}"
        return convolved(t, normalised(w[f"{path}/kernel"], w[f"{path}/u"]), w[f"{path}/bias"], stride, pads)

    for i in range(strided):
        x = leaky(spectral(x, f"conv_{i}", 2, (1, 1)))
    x = leaky(spectral(x, "conv_last", 1, (1, 2)))
    kernel, bias = w[f"{name}/CAM_logit/kernel"], w[f"{name}/CAM_logit/bias"]
    head = normalised(kernel, w[f"{name}/CAM_logit/u"])
    cam = np.concatenate([x.mean((0, 1)) @ head + bias, x.max((0, 1)) @ head + bias])
    gated = x * (head[:, 0] + bias)  # fully_connected_with_w divides the kernel before it gathers the weights
    both = np.concatenate([gated, gated], -1)
    x = leaky(convolved(both, w[f"{name}/conv_1x1/conv2d/kernel"], w[f"{name}/conv_1x1/conv2d/bias"], 1, (0, 0)))
    return spectral(x, "D_logit", 1, (1, 2)), cam


def test_it_is_the_published_graph() -> None:
    model = build_discriminator(CONFIG, 16)
    weights = randomised(model)
    pictures = np.random.default_rng(1).uniform(-1, 1, (2, 16, 16, 3)).astype("f4")
    outputs = [np.asarray(t) for t in model(pictures)]
    assert [t.shape for t in outputs] == [(2, 8, 8, 1), (2, 2), (2, 4, 4, 1), (2, 2)]
    for scale, (name, strided) in enumerate((("discriminator_local", 1), ("discriminator_global", 2))):
        for i, picture in enumerate(pictures):
            patches, cam = published(picture, weights, name, strided)
            np.testing.assert_allclose(outputs[2 * scale][i], patches, atol=1e-5)
            np.testing.assert_allclose(outputs[2 * scale + 1][i], cam, atol=1e-5)


def test_power_iterations_find_the_largest_singular_value() -> None:
    keras.utils.set_random_seed(0)  # of a kernel whose two largest are nearly the same sixty iterations find neither
    layer = SpectralConv2D(5, strides=2)
    pictures = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("f4")
    layer(pictures)
    before = layer.u.numpy()
    layer(pictures, training=False)
    np.testing.assert_array_equal(layer.u.numpy(), before)
    for _ in range(60):
        layer(pictures, training=True)
    kernel = layer.kernel.numpy()
    largest = np.linalg.svd(kernel.reshape(-1, 5), compute_uv=False)[0]
    np.testing.assert_allclose(normalised(kernel, layer.u.numpy()), kernel / largest, rtol=1e-3)


def test_depths_and_widths() -> None:
    assert DiscriminatorConfig.for_size(256) == DiscriminatorConfig(64, 2048, (3, 5))
    assert [DiscriminatorConfig.for_size(size).strided for size in (128, 64, 32, 8)] == [(3, 5), (2, 4), (1, 3), (1, 1)]
    model = build_discriminator(CONFIG, 16)
    assert {w.path.split("/")[-1] for w in model.non_trainable_variables} == {"u"}
    assert model.get_layer("discriminator_global-conv_last").filters == CONFIG.cap
    mixed = build_discriminator(CONFIG, 16, "mixed_bfloat16")
    assert {t.dtype for t in mixed.outputs} == {"float32"}


@pytest.mark.parametrize(("size", "strided"), [(64, (3, 5)), (20, (1, 3)), (8, (1, 2))])
def test_pictures_too_small_are_refused(size: int, strided: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"Received: {size}"):
        build_discriminator(DiscriminatorConfig(2, 8, strided), size)
