import numpy as np
import pillow_heif
import pytest
from PIL import Image

from inference import prepare_process
from inference.colour import LARGEST_PROFILE, to_srgb
from inference.decode import Limits, decode
from inference.options import Options
from inference.prepare_process import Job
from tests.inference import encoded, profiles

LIMITS = Limits(pixels=50_000_000, side=12_000)
SKIN = np.array([[(224, 172, 138), (141, 85, 54)], [(250, 250, 250), (20, 20, 20)]], np.uint8)
P3 = profiles.profile(profiles.DISPLAY_P3)


def stored(kind: str, primaries: np.ndarray) -> bytes:
    """A photo that shows SKIN, its colours stored in the space of `primaries` with its profile."""
    image = Image.fromarray(profiles.encode(SKIN, primaries)).resize((64, 64), Image.Resampling.NEAREST)
    icc = profiles.profile(primaries)
    if kind != "HEIC":
        return encoded(image, kind, icc_profile=icc, quality=95)
    pillow_heif.register_heif_opener(thumbnails=False)
    return encoded(image, "HEIF", icc_profile=icc, quality=95)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC"])
@pytest.mark.parametrize(
    "primaries", [profiles.DISPLAY_P3, profiles.ADOBE_RGB, profiles.SRGB], ids=["p3", "adobe", "srgb"]
)
def test_a_photo_in_another_space_shows_the_same_skin(kind: str, primaries: np.ndarray) -> None:
    photo = decode(stored(kind, primaries), LIMITS)

    shown = to_srgb(photo.pixels, photo.profile)[16::32, 16::32].astype(int)

    assert np.abs(shown - SKIN).max() <= 4  # lossy formats


@pytest.mark.parametrize(("number", "primaries"), [(12, profiles.DISPLAY_P3), (1, profiles.SRGB)])
def test_a_heic_that_names_its_colours_by_number_shows_the_same_skin(number: int, primaries: np.ndarray) -> None:
    pillow_heif.register_heif_opener(thumbnails=False)
    image = Image.fromarray(profiles.encode_as_srgb(SKIN, primaries)).resize((64, 64), Image.Resampling.NEAREST)
    named = {"color_primaries": number, "transfer_characteristics": 13, "matrix_coefficients": 6, "full_range_flag": 1}

    photo = decode(encoded(image, "HEIF", quality=95, save_nclx_profile=True, **named), LIMITS)

    shown = to_srgb(photo.pixels, photo.profile)[16::32, 16::32].astype(int)
    assert np.abs(shown - SKIN).max() <= 4  # lossy formats


def test_the_spaces_differ_enough_for_that_to_mean_something() -> None:
    for primaries in (profiles.DISPLAY_P3, profiles.ADOBE_RGB):
        assert np.abs(profiles.encode(SKIN, primaries).astype(int) - SKIN).max() > 8


def test_what_comes_out_of_prepare_is_srgb() -> None:
    job = Job(Options(whole=True), LIMITS.pixels, LIMITS.side, faces=1, size=64, shown=64)

    crops = prepare_process.prepare(stored("PNG", profiles.DISPLAY_P3), job).originals

    assert np.abs(crops[0][16::32, 16::32].astype(int) - SKIN).max() <= 2


@pytest.mark.parametrize(
    "icc",
    [
        None,
        b"",
        b"no profile",
        P3[:200],
        P3 + bytes(LARGEST_PROFILE),
        profiles.profile(profiles.DISPLAY_P3, space=b"CMYK"),
        profiles.profile(profiles.DISPLAY_P3, space=b"GRAY"),
        P3[:128] + b"\xff\xff\xff\xff" + P3[132:],  # four billion tags
    ],
)
def test_a_profile_that_makes_no_sense_is_passed_over(icc: bytes | None) -> None:
    assert to_srgb(SKIN, icc) is SKIN


def test_damaged_profiles_never_raise() -> None:
    random = np.random.default_rng(11)
    for _ in range(300):
        icc = bytearray(P3)
        for place in random.integers(0, len(icc), 6):
            icc[place] = random.integers(256)
        shown = to_srgb(SKIN, bytes(icc))
        assert (shown.shape, shown.dtype) == (SKIN.shape, np.uint8)


def test_colours_beyond_srgb_are_clipped() -> None:
    red = np.full((2, 2, 3), (255, 0, 0), np.uint8)

    assert to_srgb(red, P3).tolist() == red.tolist()
