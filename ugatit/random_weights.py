"""Weights that a network begins with."""

import keras
import numpy as np

from ugatit.packing import by_name

SPREAD = 0.02  # standard deviation of fresh kernels


def initialise(model: keras.Model, rng: np.random.Generator) -> None:
    """Draws kernels, and what the power iterations of spectral norms begin with. The same on every backend."""
    for _, weight in sorted(by_name(model).items()):
        if weight.name in ("kernel", "u"):
            spread = SPREAD if weight.name == "kernel" else 1.0
            weight.assign(rng.normal(0.0, spread, weight.shape).astype("float32"))
