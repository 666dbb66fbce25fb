"""The layers that take a shorter way give what the long way gives."""

import keras
import numpy as np
import pytest
from keras import ops

from ugatit.layers import AttentionConv2D, ReflectConv2D, RowwiseConv2D, UpConv2D
from ugatit.norms import LIN, AdaLIN, InstanceNorm

RNG = np.random.default_rng(0)


def _twin(layer: keras.layers.Layer, weights: list[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
    layer(*inputs)
    layer.set_weights(weights)
    return ops.convert_to_numpy(layer(*inputs))


@pytest.mark.parametrize("side", [2, 5, 8])
def test_up_convolution_is_doubling_and_a_convolution(side: int) -> None:
    x = RNG.normal(size=(2, side, side, 3)).astype("f4")
    weights = [RNG.normal(size=(3, 3, 3, 5)).astype("f4"), RNG.normal(size=5).astype("f4")]
    expected = _twin(ReflectConv2D(5, 3), weights, x.repeat(2, 1).repeat(2, 2))
    assert np.abs(_twin(UpConv2D(5), weights, x) - expected).max() < 1e-5


def test_rowwise_convolution_is_the_convolution() -> None:
    x = RNG.normal(size=(2, 9, 11, 4)).astype("f4")
    weights = [RNG.normal(size=(7, 7, 4, 3)).astype("f4"), RNG.normal(size=3).astype("f4")]
    expected = _twin(ReflectConv2D(3, 7, activation="relu"), weights, x)
    assert np.abs(_twin(RowwiseConv2D(3, 7, activation="relu"), weights, x) - expected).max() < 1e-4


def test_attention_gates_either_copy_of_the_features() -> None:
    x, average, maximum = (RNG.normal(size=s).astype("f4") for s in ((2, 4, 4, 6), (6,), (6,)))
    weights = [RNG.normal(size=(1, 1, 12, 6)).astype("f4"), RNG.normal(size=6).astype("f4")]
    expected = _twin(ReflectConv2D(6, 1), weights, np.concatenate([x * average, x * maximum], -1))
    assert np.abs(_twin(AttentionConv2D(6), weights, x, average, maximum) - expected).max() < 1e-5


@pytest.mark.parametrize(
    "layer",
    [
        ReflectConv2D(5, 3, strides=2, use_bias=False, activation="relu", name="a"),
        RowwiseConv2D(3, 7, name="b"),
        UpConv2D(5, dtype="bfloat16", name="c"),
        AttentionConv2D(5, name="d"),
        InstanceNorm(affine=False, activation="relu", name="e"),
        LIN(unbiased=True, name="f"),
        AdaLIN(initial_rho=0.9, smoothing=0.1, unbiased=True, name="g"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_configuration_describes_the_layer(layer: keras.layers.Layer) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_rho_is_held_in_the_unit_interval() -> None:
    layer = LIN()
    layer.build((None, 4, 4, 3))
    clipped = layer.rho.constraint(ops.convert_to_tensor([-0.2, 0.5, 1.7]))
    assert ops.convert_to_numpy(clipped).tolist() == [0.0, 0.5, 1.0]
