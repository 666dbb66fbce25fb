"""Pictures into files that hold pixels and nothing else."""

from functools import cache
from types import ModuleType

import numpy as np

SHOWN = 256  # the least side of a picture that a person gets


def png(pixels: np.ndarray, size: int) -> bytes:
    """(S, S, 3) uint8 → a PNG of `size`, enlarged by Lanczos where S is smaller."""
    cv2 = _opencv()
    # One filter for all rows, the one that a search for the best mostly finds; and no repetitions are looked for, which
    # are rare in a painting. Both together take a third of the time and cost a hundredth of the bytes at most.
    how = {
        cv2.IMWRITE_PNG_COMPRESSION: 1,
        cv2.IMWRITE_PNG_STRATEGY: cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY,
        cv2.IMWRITE_PNG_FILTER: cv2.IMWRITE_PNG_FILTER_PAETH,
    }
    return _encode(pixels, size, ".png", how)


def jpeg(pixels: np.ndarray, size: int) -> bytes:
    """(S, S, 3) uint8 → a JPEG of `size`: for photos, a tenth of a PNG."""
    cv2 = _opencv()
    how = {
        cv2.IMWRITE_JPEG_QUALITY: 92,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    }
    return _encode(pixels, size, ".jpg", how)


def _encode(pixels: np.ndarray, size: int, ending: str, how: dict[int, int]) -> bytes:
    cv2 = _opencv()
    if pixels.shape[:2] != (size, size):
        pixels = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_LANCZOS4)
    parameters = [number for pair in how.items() for number in pair]
    done, file = cv2.imencode(ending, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), parameters)
    if not done:
        raise RuntimeError(f"OpenCV wrote no {ending}")
    data: bytes = file.tobytes()
    return data


@cache
def _opencv() -> ModuleType:
    """With the first picture: the front door does not wait for it."""
    import cv2

    cv2.setNumThreads(1)  # pictures are encoded side by side; the other cores are the engine's
    return cv2
