"""A folder that TensorFlow and TensorFlow Serving load: one signature, `serve`, with any number of pictures."""

from pathlib import Path

import keras
import numpy as np


def export(generator: keras.Model, path: Path) -> None:
    """Writes the folder `path`."""
    generator.export(str(path), format="tf_saved_model", verbose=False)


def paint(path: Path, pictures: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) float32 in [-1, 1] → the same."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # it owns the weights: they are gone with its last name
    return np.asarray(loaded.serve(pictures))
