"""What strangers send on purpose, format by format. The corpus is made by `corpus`, the damage by `fuzz`."""

import io
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from inference import encode, prepare_process
from inference.decode import Limits, decode
from inference.errors import InferenceError, PhotoTooLarge, UnsupportedFormat
from inference.formats import Format, sniff
from inference.options import Options
from inference.prepare_process import Job
from tests.inference import encoded, profiles
from tests.inference.corpus import bomb, chunk, heic, valid
from tests.inference.fuzz import case, fuzz

FORMATS = ["JPEG", "PNG", "WEBP", "HEIF"]
LIMITS = Limits(pixels=50_000_000, side=12_000)
JOB = Job(Options(whole=True), LIMITS.pixels, LIMITS.side, faces=1, size=64, shown=256)
SECRET = b"secret-of-48.8584N"
SEED = 20_260
CASES = 400


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("hello.html", SECRET)
    return out.getvalue()


@pytest.mark.parametrize("name", sorted(valid()))
def test_every_variant_of_every_format_is_taken(name: str) -> None:
    photo = decode(valid()[name], LIMITS)

    assert photo.pixels.shape == (160, 160, 3)
    assert photo.pixels.std() > 20


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("width", "height"), [(1, 20_000), (20_000, 1), (8_000, 8_000)])
def test_too_many_pixels_are_refused_by_the_header(kind: str, width: int, height: int) -> None:
    with pytest.raises(PhotoTooLarge):
        decode(bomb(kind, width, height), LIMITS)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 64), (64, 0)])
def test_pictures_of_no_size_are_refused(kind: str, width: int, height: int) -> None:
    with pytest.raises(InferenceError):
        decode(bomb(kind, width, height), LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("size", [(1, 1), (1, 12_000), (12_000, 1)])
def test_the_thinnest_pictures_within_the_limits_are_painted(kind: str, size: tuple[int, int]) -> None:
    prepared = prepare_process.prepare(encoded(Image.new("RGB", size, "teal"), kind), JOB)

    assert prepared.originals.shape == (1, 256, 256, 3)
    assert np.abs(prepared.originals.astype(int) - (0, 128, 128)).max() <= 4


def test_a_small_chunk_that_unpacks_to_a_hundred_megabytes_is_refused() -> None:
    packed = zlib.compress(bytes(100_000_000), 9)
    plain = encoded(Image.new("RGB", (64, 64), "teal"), "PNG")
    for name, prefix in ((b"iCCP", b"x\0\0"), (b"zTXt", b"x\0\0"), (b"iTXt", b"x\0\1\0\0\0")):
        data = plain[:33] + chunk(name, prefix + packed) + plain[33:]
        with pytest.raises(InferenceError):
            decode(data, LIMITS)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_first_frame_of_many_is_enough(kind: str) -> None:
    red, blue = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    match kind:
        case "JPEG":
            data = encoded(red, "MPO", save_all=True, append_images=[blue] * 3)
        case "HEIF":
            data = heic(red, save_all=True, append_images=[blue] * 3)
        case _:
            data = encoded(red, kind, save_all=True, append_images=[blue] * 300, duration=10)

    assert np.abs(decode(data, LIMITS).pixels.astype(int) - (255, 0, 0)).max() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_turned_upright(orientation: int) -> None:
    image = Image.new("RGB", (96, 64), "blue")
    image.paste("red", (0, 0, 48, 32))
    exif = Image.Exif()
    exif[0x0112] = orientation

    photo = decode(heic(image, exif=exif.tobytes()), LIMITS)

    wanted = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[orientation]
    assert photo.pixels.shape[:2] == ((96, 64) if orientation >= 5 else (64, 96))
    height, width = photo.pixels.shape[:2]
    corners = {
        (y, x): photo.pixels[height // 4 + y * height // 2, width // 4 + x * width // 2] for y in (0, 1) for x in (0, 1)
    }
    assert [place for place, colour in corners.items() if colour[0] > 128] == [wanted]


def test_a_name_says_nothing() -> None:
    for name, data in valid().items():
        kind = sniff(data)
        assert kind is not None
        assert kind.value == name.partition(" ")[0]
    assert sniff(bytes(8) + valid()["JPEG baseline"]) is None


@pytest.mark.parametrize("front", [b"%PDF-1.7\n", b"GIF89a", archive(), b"<script>", b"#!/bin/sh\n", b"MZ"])
def test_a_photo_behind_something_else_is_refused(front: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        decode(front + valid()["PNG rgb"], LIMITS)


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_but_pixels_survives(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[29] = SECRET.decode()  # GPSDateStamp
    icc = profiles.profile(profiles.DISPLAY_P3)
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", SECRET.decode())
    image = Image.effect_noise((300, 300), 60).convert("RGB")
    if kind == "HEIF":
        data = heic(image, exif=exif.tobytes(), icc_profile=icc, xmp=SECRET)
    else:
        data = encoded(image, kind, exif=exif, icc_profile=icc, xmp=SECRET, pnginfo=text, comment=SECRET)
    data += archive()
    assert data.count(SECRET) >= 3
    assert zipfile.is_zipfile(io.BytesIO(data))

    prepared = prepare_process.prepare(data, JOB)

    for file in (encode.png(prepared.originals[0], 256), encode.jpeg(prepared.originals[0], 256)):
        assert SECRET not in file
        assert not zipfile.is_zipfile(io.BytesIO(file))
        with Image.open(io.BytesIO(file)) as result:
            assert not set(result.info) & {"exif", "icc_profile", "xmp", "comment", "photoshop"}
            assert not result.getexif()


async def test_damaged_photos_of_every_format_end_in_a_picture_or_in_our_errors() -> None:
    outcomes = await fuzz(SEED, cases=CASES)

    assert outcomes.total() == CASES
    assert outcomes["picture"]
    assert outcomes["unreadable"]


def test_a_case_is_the_same_every_time() -> None:
    photos = valid()
    cases = [case(SEED, number, photos) for number in range(60)]

    assert cases == [case(SEED, number, photos) for number in range(60)]
    assert {sniff(photos[made.name]) for made in cases} == set(Format)
    assert sum(made.data != photos[made.name] for made in cases) > 40
