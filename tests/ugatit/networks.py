"""Small generators whose every weight is random, so that none can be left out unnoticed."""

from pathlib import Path

import keras
import numpy as np

from ugatit import Direction, GeneratorConfig, save_generator
from ugatit.generator import build_generator, weight_name

TINY = GeneratorConfig(base_channels=4, downsamplings=2, blocks=2, image_size=16)


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    return {weight_name(layer, w): w.numpy() for layer in model.layers for w in layer.weights}


def random_generator(config: GeneratorConfig, seed: int = 0) -> keras.Model:
    rng = np.random.default_rng(seed)
    model = build_generator(config)
    for layer in model.layers:
        for weight in layer.weights:
            if weight.name == "rho":
                value = rng.uniform(0, 1, weight.shape)
            elif weight.name == "kernel":
                value = rng.normal(0, 1 / np.sqrt(np.prod(weight.shape[:-1])), weight.shape)
            else:
                value = rng.normal(float(weight.name == "gamma"), 0.3, weight.shape)
            weight.assign(value)
    return model


def random_pictures(config: GeneratorConfig, count: int = 2, seed: int = 1) -> np.ndarray:
    shape = (count, config.image_size, config.image_size, 3)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def write_pair(folder: Path, *shapes: GeneratorConfig) -> Path:
    """A folder as a training run leaves it: random generators of these shapes, one a direction."""
    folder.mkdir()
    for direction, shape in zip(Direction, shapes, strict=True):
        generator = random_generator(shape, len(direction))
        save_generator(generator, folder / f"{direction}.safetensors", direction=direction, provenance={})
    return folder
