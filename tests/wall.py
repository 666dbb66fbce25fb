"""Photos of a wall with heads on it."""

import io
import itertools
from collections.abc import Iterator

from PIL import Image

from tests.service import ROOT


def photo(*heads: int) -> bytes:
    """A wall with the sample's head on it so many times, at those heights in pixels; a JPEG."""
    return _jpeg(_wall(*heads))


def unlike_photos(*heads: int) -> Iterator[bytes]:
    """Photos of that wall without end, no two alike: each has a corner of another colour."""
    wall = _wall(*heads)
    for number in itertools.count():
        wall.paste((number % 16 * 16, number // 16 % 16 * 16, number // 256 % 16 * 16), (0, 0, 32, 32))
        yield _jpeg(wall)


def _wall(*heads: int) -> Image.Image:
    wall = Image.new("RGB", (480 * max(1, len(heads)), 480), "grey")
    with Image.open(ROOT / "docs" / "astronaut.png") as astronaut:
        head = astronaut.convert("RGB").crop((120, 10, 320, 240))
    for number, height in enumerate(heads):
        wall.paste(head.resize((height * 200 // 230, height)), (60 + 480 * number, 40))
    return wall


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG")
    return out.getvalue()
