"""Convolutions in Winograd's form against the plain ones, with their gradients."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from ugatit.config import GeneratorConfig
from ugatit.generator import build_training_generator
from ugatit.layers import LEAST
from ugatit.winograd import winograd

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("side", [2, 3])
@pytest.mark.parametrize(("height", "width"), [(4, 9), (18, 11)])
def test_it_is_a_convolution(side: int, height: int, width: int) -> None:
    x = tf.constant(RNG.normal(size=(2, height, width, 5)), "float32")
    kernel = tf.constant(RNG.normal(size=(side, side, 5, 3)), "float32")
    results = []
    for convolve in (winograd, lambda x, kernel: ops.conv(x, kernel, padding="valid", data_format="channels_last")):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = convolve(x, kernel)
            loss = tf.reduce_sum(tf.sin(y))
        results.append([y, *tape.gradient(loss, [x, kernel])])
    for ours, plain in zip(*results, strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-4 * np.abs(plain).max())


def test_a_generator_is_the_same_with_it() -> None:
    """Wide enough that the blocks and the upsampling take that form; the losses' gradients agree to 1e-4."""
    config = GeneratorConfig(base_channels=LEAST, downsamplings=1, blocks=2, image_size=16)
    plain, fast = (build_training_generator(config, "float32", winograd=winograd) for winograd in (False, True))
    for weight, other in zip(plain.weights, fast.weights, strict=True):
        other.assign(weight)
    assert sum(layer.get_config().get("winograd", False) for layer in fast.layers) > 8
    pictures = tf.constant(RNG.uniform(-1, 1, (2, 16, 16, 3)), "float32")
    gradients = []
    for model in (plain, fast):
        with tf.GradientTape() as tape:
            painted, logits = model(pictures)
            loss = tf.reduce_mean(tf.abs(painted - pictures)) + tf.reduce_mean(tf.nn.softplus(logits))
        gradients.append([painted, loss, *tape.gradient(loss, [weight.value for weight in model.trainable_weights])])
    assert not np.array_equal(gradients[0][0], gradients[1][0]), "rounded alike, so on the same way"
    largest = max(np.abs(gradient).max() for gradient in gradients[0][2:])
    for i, (one, other) in enumerate(zip(*gradients, strict=True)):
        np.testing.assert_allclose(one, other, atol=1e-4 * (1 if i < 2 else largest), err_msg=str(i))
