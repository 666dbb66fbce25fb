"""A file for TensorFlow Lite, which runs on phones: one picture at a time, float32."""

from pathlib import Path
from typing import Any

import keras
import numpy as np


def export(generator: keras.Model, path: Path) -> None:
    """Writes the file `path`."""
    import tensorflow as tf

    size = generator.config.image_size
    # One picture: with an open number of them the converter leaves shapes that phones' delegates refuse.
    signature = [tf.TensorSpec((1, size, size, 3), tf.float32, name="image")]
    function = tf.function(lambda image: generator(image, training=False), input_signature=signature)
    # The converter makes constants of the variables that it finds in here; in a Keras model it finds none.
    holder = tf.Module()
    holder.weights = [weight.value for weight in generator.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], holder)
    path.write_bytes(converter.convert())


def paint(path: Path, pictures: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) float32 in [-1, 1] → the same."""
    interpreter = _interpreter(path)
    return np.concatenate([_one(interpreter, picture[None]) for picture in pictures])


def _interpreter(path: Path) -> Any:
    import warnings

    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it will move to a package of its own
        interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    return interpreter


def _one(interpreter: Any, picture: np.ndarray) -> np.ndarray:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
