"""Pictures made on the spot."""

import io

import pillow_heif
from PIL import Image


def picture(width: int = 320, height: int = 240, colour: str = "teal", form: str = "JPEG") -> bytes:
    out = io.BytesIO()
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    image.paste(colour, (0, 0, width // 2, height))
    if form == "HEIF":
        pillow_heif.from_pillow(image).save(out)
    else:
        image.save(out, form)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image
