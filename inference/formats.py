"""Which of the four picture formats some bytes are, told by their content alone, never by a name."""

from enum import StrEnum

HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


class Format(StrEnum):
    """The values are Pillow's names of the formats."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    HEIC = "HEIF"


def sniff(data: bytes) -> Format | None:
    """The format of `data`, or None for everything that is not taken."""
    if data.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Format.WEBP
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
        return Format.HEIC
    return None


def webp_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) in the header of a WebP; None when it is cut short.

    Pillow hands the whole file to libwebp's animation decoder at open, which takes memory for two canvases at once, so
    the size is read here first. Layout: https://developers.google.com/speed/webp/docs/riff_container
    """
    if len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None
