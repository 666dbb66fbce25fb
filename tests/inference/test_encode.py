import io

import numpy as np
from PIL import Image

from inference import encode

PIXELS = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)


def chunks(png: bytes) -> set[bytes]:
    names, place = set(), 8
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        names.add(png[place + 4 : place + 8])
        place += 12 + length
    return names


def test_a_png_holds_the_pixels_and_nothing_else() -> None:
    data = encode.png(PIXELS, 64)

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), PIXELS)
    assert chunks(data) == {b"IHDR", b"IDAT", b"IEND"}


def test_small_pictures_are_enlarged() -> None:
    ramp = np.repeat(np.indices((64, 64)).sum(axis=0)[..., None] * 2, 3, axis=2).astype(np.uint8)

    image = Image.open(io.BytesIO(encode.png(ramp, 256)))

    assert image.size == (256, 256)
    assert np.abs(np.asarray(image.reduce(4)).astype(int) - ramp).max() <= 2


def test_the_original_is_a_jpeg_without_metadata() -> None:
    data = encode.jpeg(np.full((256, 256, 3), 77, np.uint8), 256)

    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG"
    assert image.size == (256, 256)
    assert b"Exif" not in data
    assert b"ICC_PROFILE" not in data
