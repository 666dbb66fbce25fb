"""WebP by OpenCV, which takes the picture's own memory and little more.

Pillow opens each with libwebp's animation decoder: two canvases and two more copies, 16 bytes a pixel.
Layout of the file: https://developers.google.com/speed/webp/docs/riff_container
"""

import cv2
import numpy as np
from PIL import Image

from inference.formats import webp_size

CHUNKS = 32  # that are looked at; a photo has six at most
NAMES = {b"ICCP": "icc_profile", b"EXIF": "exif", b"XMP ": "xmp"}  # Pillow's names
ROWS = 256  # made opaque at a time


def read_still(data: bytes) -> tuple[np.ndarray, Image.Image] | None:
    """The picture, (H, W, 3) uint8 RGB on white, and a stand-in for Pillow's own that has its metadata.

    None for what only Pillow can tell more of: animations, damage, and what OpenCV makes nothing of.
    """
    chunks = _chunks(data)
    if b"ANIM" in chunks or b"ANMF" in chunks:
        return None
    try:
        flags = cv2.IMREAD_UNCHANGED if _transparent(chunks) else cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise
        return None
    if pixels is None or pixels.shape[1::-1] != webp_size(data):
        return None
    about = Image.new("RGB", (1, 1))
    about.info = {NAMES[name]: chunk for name, chunk in chunks.items() if name in NAMES}
    return _on_white(pixels) if flags == cv2.IMREAD_UNCHANGED else pixels, about


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The first of each name."""
    found: dict[bytes, bytes] = {}
    place = 12
    for _ in range(CHUNKS):
        if place + 8 > len(data):
            break
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        found.setdefault(data[place : place + 4], data[place + 8 : place + 8 + size])
        place += 8 + size + size % 2
    return found


def _transparent(chunks: dict[bytes, bytes]) -> bool:
    """Whether the file says that it may be: in the extended header, or in that of a lossless picture."""
    extended, lossless = chunks.get(b"VP8X", b""), chunks.get(b"VP8L", b"")
    return bool(extended[:1] and extended[0] & 0x10) or bool(lossless[4:5] and lossless[4] & 0x10)


def _on_white(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 4) BGRA, or (H, W, 3) BGR → (H, W, 3) RGB."""
    if pixels.shape[2] == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    opaque = np.empty((*pixels.shape[:2], 3), np.uint8)
    for top in range(0, len(pixels), ROWS):  # not all at once: that would take eight bytes a pixel more
        rows = pixels[top : top + ROWS]
        alpha = rows[..., 3:].astype(np.uint16)
        opaque[top : top + ROWS] = (rows[..., 2::-1] * alpha + 255 * (255 - alpha) + 127) // 255
    return opaque
