"""From the bytes of an unknown sender to a fresh RGB array. Runs in the prepare processes only."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial

import cv2
import numpy as np
import pillow_heif
from PIL import Image

from inference.colour import display_p3
from inference.errors import InferenceError, PhotoTooLarge, PrepareTimeout, Unreadable, UnsupportedFormat
from inference.formats import Format, sniff, webp_size
from inference.webp import read_still

ORIENTATION = 0x0112  # the EXIF tag
P3_PRIMARIES = 12  # ITU-T H.273, table 2
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # EXIF 2.32, table 8: what turns each upright
    2: partial(cv2.flip, flipCode=1),
    3: partial(cv2.flip, flipCode=-1),
    4: partial(cv2.flip, flipCode=0),
    5: cv2.transpose,
    6: partial(cv2.rotate, rotateCode=cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.flip(cv2.transpose(pixels), -1),
    8: partial(cv2.rotate, rotateCode=cv2.ROTATE_90_COUNTERCLOCKWISE),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a photo may be: pixels in all, and pixels along its longest side."""

    pixels: int
    side: int


@dataclass(frozen=True, slots=True)
class Photo:
    """An upright photo.

    Args:
        pixels: (H, W, 3) uint8 RGB, perhaps smaller than the file's own picture.
        width: of the upright picture in the file, likewise `height`.
        profile: the ICC profile of its colours, unchecked; None when they are sRGB.
    """

    pixels: np.ndarray
    width: int
    height: int
    profile: bytes | None = None

    @property
    def scale(self) -> float:
        """Pixels of the array to one of the file's picture, 1 or less."""
        return max(self.pixels.shape[:2]) / max(self.width, self.height)


def decode(data: bytes, limits: Limits, longest: int | None = None) -> Photo:
    """Decode the first frame, upright, transparency on white.

    Args:
        longest: the longest side that is needed. A JPEG is then decoded at 1/2, 1/4 or 1/8, but not below that.

    Raises:
        UnsupportedFormat: the content is none of JPEG, PNG, WebP and HEIC.
        PhotoTooLarge: the header announces more than `limits`; nothing has been decoded then.
        Unreadable: empty, damaged or cut short.
        PrepareTimeout: the memory limit was hit.
    """
    with _parser_errors():
        kind = _admit(data, limits)
        if kind is Format.WEBP and (still := read_still(data)):
            pixels, image = still
            return _upright(image, pixels, *pixels.shape[1::-1])
        with Image.open(io.BytesIO(data), formats=(kind.value,)) as image:
            _check(image.size, limits)
            width, height = image.size
            if longest is not None and image.format in {"JPEG", "MPO"}:
                ratio = min(1.0, longest / max(image.size))
                image.draft(None, (max(1, round(width * ratio)), max(1, round(height * ratio))))
            image.load()
            return _upright(image, np.array(_rgb(image)), width, height)


def _upright(image: Image.Image, pixels: np.ndarray, width: int, height: int) -> Photo:
    """`pixels`, of a file's picture of width x height, as the metadata of `image` say that they are to be seen."""
    orientation = _orientation(image)
    if orientation in UPRIGHT:
        pixels = UPRIGHT[orientation](pixels)
    if orientation >= 5:
        width, height = height, width
    return Photo(pixels, width, height, image.info.get("icc_profile") or _named_profile(image))


def _named_profile(image: Image.Image) -> bytes | None:
    """A HEIC may name its colours by a number in place of a profile."""
    named = image.info.get("nclx_profile") or {}
    return display_p3() if named.get("color_primaries") == P3_PRIMARIES else None


def _admit(data: bytes, limits: Limits) -> Format:
    """The one format whose parser may see `data`."""
    if not data:
        raise Unreadable("the file is empty")
    kind = sniff(data)
    if kind is None:
        raise UnsupportedFormat(f"neither JPEG, PNG, WebP nor HEIC: it begins with {data[:12]!r}")
    if kind is Format.WEBP and (size := webp_size(data)):
        _check(size, limits)
    if kind is Format.HEIC:
        _register_heif()
    Image.MAX_IMAGE_PIXELS = limits.pixels  # holds inside Pillow too, where a frame differs from the header
    return kind


def _check(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    if width * height > limits.pixels or max(size) > limits.side:
        raise PhotoTooLarge(f"{width} x {height} pixels; at most {limits.pixels} and {limits.side} a side are taken")


@cache
def _register_heif() -> None:
    pillow_heif.register_heif_opener(thumbnails=False)


@contextmanager
def _parser_errors() -> Iterator[None]:
    """Whatever a parser makes of hostile bytes becomes one of ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd EXIF is common and harmless
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except InferenceError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoTooLarge(str(error)) from None
    except cv2.error as error:
        raise PrepareTimeout(f"decoding needs more memory than it may take: {error.err}") from None
    except MemoryError:
        raise PrepareTimeout("decoding needs more memory than it may take") from None
    except Exception as error:  # parsers fail on damaged bytes with nearly every type there is
        raise Unreadable(f"{type(error).__name__}: {error}") from None


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged EXIF does not spoil the picture
        return 1
    return value if value in UPRIGHT else 1


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # grey of 16 bits; "I" holds the same range
        return Image.fromarray((np.asarray(image).clip(0, 65_535) // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy it
