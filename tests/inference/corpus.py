"""Photos as strangers send them, made here: valid ones of every format and variant, and bombs of every format."""

import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

from tests.inference import SAMPLE, encoded, profiles


def heic(image: Image.Image, **options: Any) -> bytes:
    pillow_heif.register_heif_opener(thumbnails=False)
    return encoded(image, "HEIF", quality=90, **options)


@cache
def valid() -> dict[str, bytes]:
    """Small photos with a face, by "FORMAT variant"."""
    with Image.open(SAMPLE) as sample:
        face = sample.convert("RGB").crop((100, 0, 340, 240)).resize((160, 160))
    clear = face.copy()
    clear.putalpha(Image.linear_gradient("L").resize(face.size))
    palette = face.quantize(64)
    palette.info["transparency"] = 3
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(np.asarray(face.convert("L")).astype(np.uint16) * 257)
    icc = profiles.profile(profiles.DISPLAY_P3)
    return {
        "JPEG baseline": encoded(face, "JPEG", exif=exif, icc_profile=icc),
        "JPEG progressive": encoded(face, "JPEG", progressive=True),
        "JPEG cmyk": encoded(face.convert("CMYK"), "JPEG"),
        "JPEG grey": encoded(face.convert("L"), "JPEG"),
        "PNG rgb": encoded(face, "PNG", icc_profile=icc),
        "PNG alpha": encoded(clear, "PNG", exif=exif),
        "PNG palette": encoded(palette, "PNG"),
        "PNG deep": encoded(deep, "PNG"),
        "PNG animated": encoded(face, "PNG", save_all=True, append_images=[face.rotate(90)]),
        "WEBP lossy": encoded(face, "WEBP", exif=exif, icc_profile=icc),
        "WEBP lossless": encoded(clear, "WEBP", lossless=True),
        "WEBP animated": encoded(face, "WEBP", save_all=True, append_images=[face.rotate(90)]),
        "HEIF": heic(face, icc_profile=icc),
        "HEIF alpha": heic(clear),
    }


def bomb(kind: str, width: int, height: int) -> bytes:
    """A file of a few kilobytes whose header announces width x height."""
    small = Image.new("RGB", (64, 64), "teal")
    if kind == "PNG":
        return _png(width, height)
    if kind == "HEIF":
        data = heic(small)
        place = data.index(b"ispe") + 8  # ISO/IEC 23008-12, 6.5.3: version and flags, then width and height
        return data[:place] + struct.pack(">II", width, height) + data[place + 8 :]
    data = encoded(small, kind, **({"lossless": False} if kind == "WEBP" else {}))
    if kind == "JPEG":
        place = data.index(b"\xff\xc0") + 5  # SOF0: length and precision, then height and width
        return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]
    if not width or not height:  # only the older header can say so, in 14 bits each after the start code
        return data[:26] + struct.pack("<HH", width, height) + data[30:]
    extended = b"VP8X" + struct.pack("<IB3x", 10, 0) + (width - 1).to_bytes(3, "little")
    body = b"WEBP" + extended + (height - 1).to_bytes(3, "little") + data[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, data) for name, data in chunks)


def chunk(name: bytes, data: bytes) -> bytes:
    """One chunk of a PNG, with its length and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
