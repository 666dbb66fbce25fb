"""Every kind of loss against its formula in NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ugatit.losses import (
    between,
    cam_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    l1,
    zero_centred_penalty,
)

RNG = np.random.default_rng(3)
REAL = [RNG.normal(0, 2, shape).astype("f4") for shape in ((2, 3, 3, 1), (2, 2))]
FAKE = [RNG.normal(0, 2, shape).astype("f4") for shape in ((2, 3, 3, 1), (2, 2))]


def cross_entropy(logit: np.ndarray, label: float) -> np.ndarray:
    probability = 1 / (1 + np.exp(-logit.astype("f8")))
    return -(label * np.log(probability) + (1 - label) * np.log(1 - probability))


Formula = Callable[[np.ndarray], np.ndarray]
KINDS: dict[str, tuple[Formula, Formula, Formula]] = {
    "lsgan": (lambda r: (r - 1) ** 2, lambda f: f**2, lambda f: (f - 1) ** 2),
    "gan": (lambda r: cross_entropy(r, 1), lambda f: cross_entropy(f, 0), lambda f: cross_entropy(f, 1)),
    "hinge": (lambda r: np.maximum(0, 1 - r), lambda f: np.maximum(0, 1 + f), lambda f: -f),
    "wgan-gp": (lambda r: -r, lambda f: f, lambda f: -f),
}
KINDS["dragan"], KINDS["wgan-lp"] = KINDS["gan"], KINDS["wgan-gp"]


@pytest.mark.parametrize("gan", KINDS)
def test_adversarial_losses(gan: Any) -> None:
    real, fake, fooling = KINDS[gan]
    expected = sum(real(r).mean() + fake(f).mean() for r, f in zip(REAL, FAKE, strict=True))
    assert float(discriminator_loss(gan, REAL, FAKE)) == pytest.approx(expected, abs=1e-5)
    assert float(generator_loss(gan, FAKE)) == pytest.approx(sum(fooling(f).mean() for f in FAKE), abs=1e-5)


def test_cycle_and_cam_losses() -> None:
    assert float(l1(REAL[1], FAKE[1])) == pytest.approx(np.abs(REAL[1] - FAKE[1]).mean(), abs=1e-6)
    expected = cross_entropy(REAL[1], 1).mean() + cross_entropy(FAKE[1], 0).mean()
    assert float(cam_loss(REAL[1], FAKE[1])) == pytest.approx(expected, abs=1e-6)


def input_gradient(function: Callable[[Any], Any], x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x)


@pytest.mark.parametrize(
    ("gan", "slope", "expected"), [("wgan-gp", 3, 4), ("wgan-lp", 3, 4), ("wgan-gp", 0.5, 0.25), ("wgan-lp", 0.5, 0)]
)
def test_penalty_of_a_plane(gan: Any, slope: float, expected: float) -> None:
    """A linear critic's gradient has the same norm everywhere; its second logit has slope 1 and costs nothing."""
    direction = RNG.normal(size=(1, 4, 4, 3))
    direction = tf.constant(direction / np.linalg.norm(direction), "float32")

    def critic(x: Any) -> list[Any]:
        height = tf.reduce_sum(x * direction, axis=(1, 2, 3))
        return [slope * height, height]

    points = tf.constant(RNG.normal(size=(2, 4, 4, 3)), "float32")
    assert float(gradient_penalty(gan, critic, points, input_gradient)) == pytest.approx(expected, abs=1e-5)


def test_zero_centred_penalty_of_planes() -> None:
    """Patches that see inputs of their own cost what one of them costs; kinds of logits and inputs add up."""
    slope = 3.0
    left, right = (np.zeros((1, 4, 4, 3), "f4") for _ in range(2))
    left[:, :, :2] = right[:, :, 2:] = slope / np.sqrt(2 * 4 * 3)

    def patches(x: Any) -> list[Any]:
        seen = [tf.reduce_sum(x * half, axis=(1, 2, 3)) for half in (left, right)]
        return [tf.reshape(tf.stack(seen, axis=1), (2, 1, 2, 1))]

    pictures = tf.constant(RNG.normal(size=(2, 4, 4, 3)), "float32")
    assert float(zero_centred_penalty(patches, pictures, input_gradient)) == pytest.approx(slope**2 / 2, rel=1e-5)

    def heads(maps: Any) -> list[Any]:
        return [logit for one in maps for logit in patches(one)]

    two = float(zero_centred_penalty(heads, [pictures, 2 * pictures], input_gradient))
    assert two == pytest.approx(slope**2, rel=1e-5)


def test_where_the_penalty_is_taken() -> None:
    real, fake = (RNG.normal(size=(2, 4, 4, 3)).astype("f4") for _ in range(2))
    mix = np.float32([0.0, 0.25]).reshape(2, 1, 1, 1)
    points = np.asarray(between("wgan-gp", real, fake, mix, np.zeros((2, 1, 1, 1), "f4")))
    np.testing.assert_allclose(points[0], real[0])
    np.testing.assert_allclose(points[1], 0.75 * real[1] + 0.25 * fake[1], atol=1e-6)
    noise = RNG.random((2, 4, 4, 3), "f4")
    points = np.asarray(between("dragan", real, fake, np.ones((2, 1, 1, 1), "f4"), noise))
    np.testing.assert_allclose(points, real + 0.5 * real.std() * noise, atol=1e-5)
