"""The photo that is sent: a face in front of a noisy wall, in any size."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLE = Path(__file__).parents[1] / "docs" / "astronaut.png"


def jpeg(width: int, height: int) -> bytes:
    """The sample photo in the middle of the wall."""
    noise = np.random.default_rng(1).integers(90, 150, (height // 16, width // 16, 3), np.uint8)
    canvas = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    side = round(0.7 * min(width, height))
    with Image.open(SAMPLE) as face:
        canvas.paste(face.convert("RGB").resize((side, side)), ((width - side) // 2, (height - side) // 2))
    out = io.BytesIO()
    canvas.save(out, "JPEG", quality=90)
    return out.getvalue()
