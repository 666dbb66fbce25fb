"""Contact sheets: what went in above what came out, for a person to judge."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

COLUMNS = 8
LEAST = 64  # smaller pictures are enlarged to this side, pixel by pixel


def contact_sheet(groups: list[tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]]) -> Image.Image:
    """Rows of pictures, each above the row of what a generator made of it.

    Args:
        groups: pictures (N, S, S, 3) uint8 and the function that paints a (n, S, S, 3) part of them alike.
    """
    rows = []
    for pictures, paint in groups:
        for start in range(0, len(pictures), COLUMNS):
            row = pictures[start : start + COLUMNS]
            rows += [_row(row), _row(paint(row))]
    image = Image.fromarray(np.concatenate(rows))
    factor = max(1, LEAST // groups[0][0].shape[1])
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def as_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _row(pictures: np.ndarray) -> np.ndarray:
    """(n, S, S, 3) → (S, COLUMNS * S, 3), white where there are fewer."""
    count, size = len(pictures), pictures.shape[1]
    full = np.full((COLUMNS, size, size, 3), 255, "uint8")
    full[:count] = pictures
    return full.transpose(1, 0, 2, 3).reshape(size, COLUMNS * size, 3)
