import numpy as np
import pytest
from PIL import Image

from inference.decode import Limits, decode
from inference.errors import InferenceError, PhotoTooLarge, Unreadable, UnsupportedFormat
from inference.formats import Format, sniff, webp_size
from tests.inference import encoded
from tests.inference.corpus import bomb, heic

LIMITS = Limits(pixels=50_000_000, side=12_000)


def quarters(size: int = 64) -> Image.Image:
    """Red, green / blue, white: tells every orientation from every other."""
    pixels = np.zeros((size, size, 3), np.uint8)
    half = size // 2
    pixels[:half, :half] = (255, 0, 0)
    pixels[:half, half:] = (0, 255, 0)
    pixels[half:, :half] = (0, 0, 255)
    pixels[half:, half:] = 255
    return Image.fromarray(pixels)


def near(actual: np.ndarray, expected: Image.Image, tolerance: int = 12) -> bool:
    """Equal but for what lossy formats change, away from the edges between colours."""
    wanted = np.asarray(expected).astype(int)
    return actual.shape == wanted.shape and float(np.median(np.abs(actual.astype(int) - wanted))) <= tolerance


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_takes_the_formats_of_the_web(kind: str) -> None:
    photo = decode(encoded(quarters(), kind, quality=95), LIMITS)

    assert near(photo.pixels, quarters())
    assert (photo.width, photo.height, photo.scale) == (64, 64, 1.0)
    assert photo.pixels.flags.owndata
    assert photo.pixels.flags.writeable


def test_takes_heic() -> None:
    data = heic(quarters())

    assert sniff(data) is Format.HEIC
    assert near(decode(data, LIMITS).pixels, quarters())


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Unreadable),
        (b"Dear bot, this is no picture. " * 50, UnsupportedFormat),
        (encoded(quarters(), "GIF"), UnsupportedFormat),
        (encoded(quarters(), "TIFF"), UnsupportedFormat),
        (encoded(quarters(), "BMP"), UnsupportedFormat),
        (b"%PDF-1.7 ...", UnsupportedFormat),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedFormat),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf", UnsupportedFormat),
        (b"\xff\xd8\xff", Unreadable),
        (b"\x89PNG\r\n\x1a\n", Unreadable),
        (b"RIFF\x10\x00\x00\x00WEBP", Unreadable),
        (b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00heicmif1", Unreadable),
    ],
)
def test_refuses_what_is_no_photo(data: bytes, error: type[InferenceError]) -> None:
    with pytest.raises(error):
        decode(data, LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
def test_says_so_when_a_photo_is_cut_short(kind: str, kept: float, astronaut: Image.Image) -> None:
    data = encoded(astronaut, kind)

    with pytest.raises(Unreadable):
        decode(data[: int(len(data) * kept)], LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC"])
def test_damaged_bytes_raise_nothing_but_our_errors(kind: str) -> None:
    whole = heic(quarters()) if kind == "HEIC" else encoded(quarters(), kind)
    random = np.random.default_rng(7)
    refused = 0
    for _ in range(100):
        data = bytearray(whole)
        for place in random.integers(12, len(data), 12):
            data[place] = random.integers(256)
        try:
            assert decode(bytes(data), LIMITS).pixels.dtype == np.uint8
        except InferenceError:
            refused += 1
    assert refused


@pytest.mark.parametrize(("width", "height"), [(7_072, 7_072), (12_001, 16), (16, 12_001), (60_000, 60_000)])
def test_refuses_a_bomb_by_its_header(width: int, height: int) -> None:
    with pytest.raises(PhotoTooLarge):
        decode(bomb("PNG", width, height), LIMITS)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("transparent", [False, True])
def test_reads_the_size_of_a_webp_before_its_parser_does(lossless: bool, transparent: bool) -> None:
    image = quarters().resize((90, 40))
    if transparent:
        image.putalpha(100)
    data = encoded(image, "WEBP", lossless=lossless)

    assert webp_size(data) == (90, 40)
    with pytest.raises(PhotoTooLarge):
        decode(data, Limits(pixels=3_599, side=12_000))
    assert decode(data, Limits(pixels=3_600, side=90)).pixels.shape == (40, 90, 3)


def test_format_comes_from_the_content_alone() -> None:
    assert sniff(encoded(quarters(), "JPEG")) is Format.JPEG
    assert sniff(b"GIF89a" + encoded(quarters(), "PNG")) is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_every_orientation_upright(kind: str, orientation: int) -> None:
    upright = quarters().resize((96, 64))
    turns = {  # the inverse of what EXIF asks a viewer to do
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for turn in turns[orientation]:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation

    photo = decode(encoded(stored, kind, exif=exif.tobytes(), quality=95), LIMITS)

    assert (photo.width, photo.height) == (96, 64)
    assert near(photo.pixels, upright)


def test_damaged_exif_does_not_spoil_a_photo() -> None:
    data = encoded(quarters(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff" + b"\x99" * 40, quality=95)

    assert near(decode(data, LIMITS).pixels, quarters())


def test_cmyk() -> None:
    data = encoded(quarters().convert("CMYK"), "JPEG", quality=95)

    assert near(decode(data, LIMITS).pixels, quarters())


def test_grey_of_sixteen_bits() -> None:
    ramp = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(np.uint16)
    data = encoded(Image.fromarray(ramp), "PNG")

    pixels = decode(data, LIMITS).pixels

    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[-1, -1].tolist() == [255, 255, 255]
    assert abs(int(pixels[32, 0, 0]) - 128) <= 1


def test_grey_and_palette() -> None:
    assert near(decode(encoded(quarters().convert("L"), "JPEG"), LIMITS).pixels, quarters().convert("L").convert("RGB"))
    assert near(decode(encoded(quarters().quantize(8), "PNG"), LIMITS).pixels, quarters())
    assert decode(encoded(quarters().convert("1"), "PNG"), LIMITS).pixels.shape == (64, 64, 3)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_becomes_white(kind: str) -> None:
    image = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 16, 32))

    pixels = decode(encoded(image, kind, lossless=True), LIMITS).pixels

    assert pixels[5, 5].tolist() == [0, 0, 255]
    assert pixels[5, 25].tolist() == [255, 255, 255]


def test_half_transparent_webp_is_what_png_is() -> None:
    image = quarters()
    image.putalpha(Image.linear_gradient("L").resize(image.size))

    shown, expected = (decode(encoded(image, kind, lossless=True), LIMITS).pixels for kind in ("WEBP", "PNG"))

    assert np.abs(shown.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_is_its_first_frame(kind: str) -> None:
    red, blue = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    data = encoded(red, kind, save_all=True, append_images=[blue] * 5, duration=100)

    assert near(decode(data, LIMITS).pixels, red)


def test_a_large_jpeg_is_decoded_small() -> None:
    photo = decode(encoded(quarters(1600), "JPEG", quality=95), LIMITS, longest=300)

    assert photo.pixels.shape == (400, 400, 3)
    assert (photo.width, photo.height, photo.scale) == (1600, 1600, 0.25)
    assert near(photo.pixels, quarters(400))


def test_the_tail_of_a_polyglot_is_not_looked_at() -> None:
    assert near(decode(encoded(quarters(), "PNG") + b"PK\x03\x04" * 100, LIMITS).pixels, quarters())
