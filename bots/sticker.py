"""A painted picture as a static sticker."""

import io

from PIL import Image

from bots.requests import Picture

SIDE = 512  # https://core.telegram.org/stickers: one side is exactly that, the other no longer
MOST_BYTES = 512 * 1024
QUALITY = 90  # even noise stays at half of what is allowed


def sticker(picture: Picture) -> bytes:
    """The anime picture as a WebP of 512 by 512 pixels, without metadata and of at most MOST_BYTES."""
    with Image.open(io.BytesIO(picture.png), formats=["PNG"]) as opened:
        image = opened.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=QUALITY)
    return out.getvalue()
