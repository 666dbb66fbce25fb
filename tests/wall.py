"""Photos of a wall with heads on it."""

import io

from PIL import Image

from tests.service import ROOT


def photo(*heads: int) -> bytes:
    """A wall with the sample's head on it so many times, at those heights in pixels; a JPEG."""
    wall = Image.new("RGB", (480 * max(1, len(heads)), 480), "grey")
    with Image.open(ROOT / "docs" / "astronaut.png") as astronaut:
        head = astronaut.convert("RGB").crop((120, 10, 320, 240))
    for number, height in enumerate(heads):
        wall.paste(head.resize((height * 200 // 230, height)), (60 + 480 * number, 40))
    out = io.BytesIO()
    wall.save(out, "JPEG")
    return out.getvalue()
