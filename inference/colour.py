"""From a photo's own colour space to sRGB, which the network and every viewer without colour management expect.

Phones store Display P3 for years now, cameras Adobe RGB; read as sRGB, skin comes out pale.
"""

import io
import struct
from functools import cache, lru_cache

import numpy as np
from PIL import Image, ImageCms

LARGEST_PROFILE = 1 << 17  # bytes; those of phones and cameras have 500 to 60,000
HEADER = 128  # bytes, ICC.1:2022, 7.2; the colour space stands at 16, the signature at 36
P3 = {  # SMPTE EG 432-1 under D50, by the tag of a profile
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}


def to_srgb(pixels: np.ndarray, profile: bytes | None) -> np.ndarray:
    """(H, W, 3) uint8 in the space that `profile` describes → the same in sRGB.

    Without a profile, or with one that is damaged or not of RGB, the pixels are taken for sRGB as they are: a wrong
    profile is no reason to refuse a photo.
    """
    transform = _transform(profile) if profile and _promising(profile) else None
    if transform is None:
        return pixels
    return np.array(transform.apply(Image.fromarray(pixels)))


def _promising(profile: bytes) -> bool:
    return HEADER < len(profile) <= LARGEST_PROFILE and profile[16:20] == b"RGB " and profile[36:40] == b"acsp"


@cache
def display_p3() -> bytes:
    """The profile of Display P3: the curve of sRGB, other primaries."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (tags,) = struct.unpack_from(">I", profile, HEADER)
    for entry in range(HEADER + 4, HEADER + 4 + 12 * tags, 12):
        name, place = struct.unpack_from(">4sI", profile, entry)
        if name in P3:  # ICC.1:2022, 10.31: type, four bytes of nothing, then X, Y and Z in 1/65536
            struct.pack_into(">3i", profile, place + 8, *(round(value * 65_536) for value in P3[name]))
    return bytes(profile)


@lru_cache(maxsize=4)  # phones of one make carry the same bytes
def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        return ImageCms.ImageCmsTransform(source, target, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    except (ImageCms.PyCMSError, OSError, ValueError):  # whatever LittleCMS does not make sense of
        return None
