"""The network against the published graphs, and what it keeps in other precisions."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.ugatit.networks import TINY, random_generator, random_pictures, weights_of
from tests.ugatit.reference import Reference
from ugatit import GeneratorConfig, build_generator

PYTORCH = replace(TINY, dialect="pytorch", smoothing=False)
CONFIGS = {
    "tensorflow light": TINY,
    "tensorflow full": replace(TINY, light=False),
    "tensorflow light, no smoothing": replace(TINY, smoothing=False),
    "pytorch light": PYTORCH,
    "pytorch full": replace(PYTORCH, light=False),
    "three levels": replace(TINY, downsamplings=3, blocks=1, image_size=32),
    "blocks of pixels": replace(TINY, pixel_shuffle=2, image_size=32),
    "larger blocks, full": replace(PYTORCH, pixel_shuffle=3, image_size=48, light=False),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_agrees_with_the_published_graph(config: GeneratorConfig) -> None:
    model, pictures = random_generator(config), random_pictures(config)
    reference = Reference(config, weights_of(model))
    expected = np.stack([reference(picture) for picture in pictures])
    painted = model(pictures).numpy()
    assert painted.shape == pictures.shape
    assert painted.std() > 0.1  # a network that paints nothing would agree with anything
    assert np.abs(painted - expected).max() < 1e-4
    assert not reference.unread


@pytest.mark.parametrize(("dialect", "rho"), [("tensorflow", 1.0), ("pytorch", 0.9)])
def test_rho_starts_as_published(dialect: str, rho: float) -> None:
    config = replace(TINY, dialect=dialect, smoothing=dialect == "tensorflow")
    weights = weights_of(build_generator(config))
    assert weights["adaptive_resblock0/res1/instance_layer_norm/rho"] == pytest.approx(rho)
    assert weights["layer_ins_norm_0/rho"] == pytest.approx(0.0)


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16"])
def test_bfloat16_stays_close_to_float32(dtype: str) -> None:
    config = replace(TINY, base_channels=8, image_size=32)
    exact, pictures = random_generator(config), random_pictures(config)
    rounded = build_generator(config, dtype=dtype)
    rounded.set_weights(exact.get_weights())
    stored = {weight.dtype for weight in rounded.weights}
    assert stored == ({"bfloat16"} if dtype == "bfloat16" else {"float32"})
    painted = rounded(pictures)
    assert painted.dtype == "float32"
    error = np.mean((painted.numpy() - exact(pictures).numpy()) ** 2)
    assert 10 * np.log10(4 / error) > 30  # dB; random weights are rougher than trained ones


def test_statistics_are_taken_in_float32() -> None:
    """Around 100, bfloat16 knows whole and half numbers only: a variance in bfloat16 would be far off."""
    from ugatit.norms import InstanceNorm

    rng = np.random.default_rng(0)
    x = keras.ops.convert_to_tensor(100 + rng.normal(0, 8, (1, 64, 64, 3)), dtype="bfloat16")
    y = keras.ops.convert_to_numpy(keras.ops.cast(InstanceNorm(dtype="bfloat16")(x), "float32"))
    assert y.std((0, 1, 2)) == pytest.approx(1, abs=0.03)
    assert y.mean((0, 1, 2)) == pytest.approx(0, abs=0.07)  # scale and shift, some 12, are rounded to 1/16


def test_gradients_reach_every_weight() -> None:
    import tensorflow as tf

    model, pictures = random_generator(TINY), random_pictures(TINY)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(pictures)))
    gradients = tape.gradient(loss, model.trainable_variables)
    idle = {v.path for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None}
    assert not idle


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")  # Keras' own
def test_model_survives_its_own_serialisation(tmp_path: Path) -> None:
    model, pictures = random_generator(TINY), random_pictures(TINY)
    model.save(tmp_path / "generator.keras")
    again = keras.saving.load_model(tmp_path / "generator.keras")
    assert np.abs(again(pictures).numpy() - model(pictures).numpy()).max() < 1e-6


def test_carries_its_configuration() -> None:
    assert build_generator(TINY).config == TINY
