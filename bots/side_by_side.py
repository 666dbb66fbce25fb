"""The photo's crop and its anime picture next to each other, as one picture."""

import io

from PIL import Image

from bots.requests import Picture


def side_by_side(picture: Picture) -> bytes:
    """A PNG twice as wide: the crop on the left, the anime picture on the right."""
    with (
        Image.open(io.BytesIO(picture.original), formats=["JPEG", "PNG"]) as before,
        Image.open(io.BytesIO(picture.png), formats=["PNG"]) as after,
    ):
        both = Image.new("RGB", (2 * after.width, after.height))
        both.paste(before.convert("RGB").resize(after.size), (0, 0))
        both.paste(after.convert("RGB"), (after.width, 0))
    out = io.BytesIO()
    both.save(out, "PNG")
    return out.getvalue()
