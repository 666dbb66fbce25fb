"""Pictures as bytes, and as the networks have them."""

import numpy as np


def to_floats(pictures: np.ndarray) -> np.ndarray:
    """[0, 255] → [-1, 1], float32."""
    return pictures.astype("float32") / 127.5 - 1.0


def to_bytes(pictures: np.ndarray) -> np.ndarray:
    """[-1, 1] → [0, 255], rounded, uint8."""
    return np.clip(np.rint((pictures + 1.0) * 127.5), 0, 255).astype("uint8")
