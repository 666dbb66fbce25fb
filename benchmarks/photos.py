"""The photos that are sent: made from the sample picture, as large and as noisy as those of people."""

import io
import secrets
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SAMPLE = Path(__file__).parents[1] / "docs" / "astronaut.png"
FACE_X, FACE_Y, FACE_HEIGHT = 222, 120, 113  # of the sample's 512 pixels


def selfie(face: float, *, noise: float = 5.0) -> bytes:
    """A phone's 12 megapixels: 4032 x 3024, held upright (EXIF orientation 6), quality 90, 4:2:0.

    The sample picture is enlarged until its face has `face` of the photo's height, and goes on mirrored around it.
    An enlargement alone would compress to a third of what phones write; so noise as of a sensor indoors is laid over
    it: `noise` levels of brightness and half as many of each colour.
    """
    width, height = 3024, 4032
    scale = face * height / FACE_HEIGHT
    with Image.open(SAMPLE) as image:
        side = round(image.width * scale)
        large = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))
    columns = _mirrored(np.arange(width) + round(FACE_X * scale) - width // 2, side)
    rows = _mirrored(np.arange(height) + round(FACE_Y * scale) - round(0.4 * height), side)
    upright = large[rows[:, None], columns].astype(np.float32)
    random = np.random.default_rng(1)
    upright += noise * random.standard_normal((height, width, 1), np.float32)
    upright += noise / 2 * random.standard_normal((height, width, 3), np.float32)
    stored = Image.fromarray(np.rot90(upright.clip(0, 255).astype(np.uint8)))
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    stored.save(out, "JPEG", quality=90, subsampling="4:2:0", exif=exif)
    return out.getvalue()


def as_sent(face: float) -> bytes:
    """The same selfie as a chat passes it on: upright, shrunk to 960 x 1280, about 150 KB."""
    with Image.open(io.BytesIO(selfie(face))) as large:
        small = ImageOps.exif_transpose(large).resize((960, 1280), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=87)
    return out.getvalue()


def unlike_any_other(jpeg: bytes) -> bytes:
    """The same picture with other bytes: a random comment (ITU-T T.81, B.2.4.5) after its first marker."""
    return jpeg[:2] + b"\xff\xfe\x00\x12" + secrets.token_bytes(16) + jpeg[2:]


def _mirrored(places: np.ndarray, length: int) -> np.ndarray:
    places = places % (2 * length)
    return np.where(places < length, places, 2 * length - 1 - places)
