"""Pictures into files that hold pixels and nothing else."""

import io
import zlib

import numpy as np
from PIL import Image

SHOWN = 256  # the least side of a picture that a person gets


def png(pixels: np.ndarray, size: int) -> bytes:
    """(S, S, 3) uint8 → a PNG of `size`, enlarged by Lanczos where S is smaller."""
    # No repetitions are looked for: they are rare in a painting, and looking saves a hundredth of the bytes at most.
    return _encode(pixels, size, "PNG", compress_level=1, compress_type=zlib.Z_HUFFMAN_ONLY)


def jpeg(pixels: np.ndarray, size: int) -> bytes:
    """(S, S, 3) uint8 → a JPEG of `size`: for photos, a tenth of a PNG."""
    return _encode(pixels, size, "JPEG", quality=92, subsampling=0)


def _encode(pixels: np.ndarray, size: int, kind: str, **options: int) -> bytes:
    image = Image.fromarray(pixels)
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
