import asyncio
import os
import signal
from collections.abc import AsyncIterator

import numpy as np
import psutil
import pytest
import pytest_asyncio
from PIL import Image

from config import load_settings
from inference import prepare_process
from inference.decode import Limits, Photo, decode
from inference.detect import Detector
from inference.errors import FaceTooSmall, NoFace, PhotoTooLarge, PrepareTimeout, Unreadable, UnsupportedFormat
from inference.options import Crop, Faces, Options, Region
from inference.prepare import Preparer
from inference.prepare_process import Job
from tests.inference import encoded, hostile

SECONDS = 3.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def preparer() -> AsyncIterator[Preparer]:
    settings = load_settings(
        limits_photo_bytes=5_000_000, limits_faces=2, limits_decode_seconds=SECONDS, limits_decode_bytes=1 << 28
    )
    async with Preparer(settings, size=64, shown=256) as preparer:
        yield preparer


pytestmark = pytest.mark.asyncio(loop_scope="module")


def group(astronaut: Image.Image, heights: list[int]) -> bytes:
    """The same person several times, left to right, with faces of about these heights."""
    head = astronaut.crop((120, 10, 320, 240))  # its face is 113 high
    row = Image.new("RGB", (220 * len(heights), 260), "white")
    for number, height in enumerate(heights):
        scale = height / 113
        row.paste(head.resize((round(200 * scale), round(230 * scale))), (220 * number + 5, 5))
    return encoded(row, "PNG")


async def test_only_arrays_come_back(preparer: Preparer, photo: bytes) -> None:
    prepared = await preparer.prepare(photo, Options())

    assert (prepared.inputs.shape, prepared.inputs.dtype) == ((1, 64, 64, 3), np.uint8)
    assert (prepared.originals.shape, prepared.originals.dtype) == ((1, 256, 256, 3), np.uint8)
    assert prepared.found == 1


async def test_wide_shows_more_than_tight(preparer: Preparer, photo: bytes) -> None:
    tight, usual, wide = [
        (await preparer.prepare(photo, Options(crop=crop))).originals[0].astype(int)
        for crop in (Crop.TIGHT, Crop.DEFAULT, Crop.WIDE)
    ]

    inner = np.asarray(Image.fromarray(wide.astype(np.uint8)).resize((320, 320)))[29:285, 32:288].astype(int)
    assert np.abs(inner - usual).mean() < 8  # the middle of the wide one is the usual one
    assert np.abs(tight - usual).mean() > 20


async def test_whole_and_region_look_for_no_face(preparer: Preparer, astronaut: Image.Image) -> None:
    photo = encoded(Image.new("RGB", (300, 200), "teal"), "PNG")

    whole = await preparer.prepare(photo, Options(whole=True))
    region = await preparer.prepare(photo, Options(region=Region(0.5, 0.5, 0.2, 0.2)))
    with pytest.raises(FaceTooSmall, match="30 px; 48"):
        await preparer.prepare(photo, Options(region=Region(0.5, 0.5, 0.1, 0.1)))

    assert (whole.found, region.found) == (0, 0)
    assert whole.originals.shape == region.originals.shape == (1, 256, 256, 3)
    assert (whole.inputs == (0, 128, 128)).all()


async def test_faces_come_left_to_right_up_to_the_limit(preparer: Preparer, astronaut: Image.Image) -> None:
    photo = group(astronaut, [80, 113, 100])

    everybody = await preparer.prepare(photo, Options())
    largest = await preparer.prepare(photo, Options(faces=Faces.LARGEST))

    assert (everybody.found, len(everybody.inputs)) == (3, 2)
    assert (largest.found, len(largest.inputs)) == (3, 1)
    assert np.array_equal(largest.originals[0], everybody.originals[0])  # the second of three; the smallest is left out


async def test_one_face_after_the_other_the_largest_first(preparer: Preparer, astronaut: Image.Image) -> None:
    photo = group(astronaut, [80, 113, 100])

    everybody = await preparer.prepare(photo, Options())
    one_by_one = [await preparer.prepare(photo, Options(face=number)) for number in range(4)]

    assert [(prepared.found, len(prepared.inputs)) for prepared in one_by_one] == [(3, 1)] * 4
    first, second, third, again = (prepared.originals[0] for prepared in one_by_one)
    assert np.array_equal(first, everybody.originals[0])  # the second of three in the photo
    assert np.array_equal(second, everybody.originals[1])
    assert not any(np.array_equal(third, other) for other in (first, second))
    assert np.array_equal(again, first)


async def test_small_faces_are_left_out_beside_good_ones(preparer: Preparer, astronaut: Image.Image) -> None:
    prepared = await preparer.prepare(group(astronaut, [30, 110]), Options())

    # What is too small is not counted: the next face would be the same again.
    assert (prepared.found, len(prepared.inputs)) == (1, 1)


async def test_small_faces_alone_are_refused(preparer: Preparer, astronaut: Image.Image) -> None:
    with pytest.raises(FaceTooSmall, match="48 are needed"):
        await preparer.prepare(group(astronaut, [30, 32]), Options())


async def test_a_large_jpeg_is_decoded_again_where_a_face_is_small_in_it(
    preparer: Preparer, astronaut: Image.Image
) -> None:
    large = Image.new("RGB", (3200, 2400), "white")
    large.paste(astronaut.resize((1024, 1024)), (1000, 700))

    prepared = await preparer.prepare(encoded(large, "JPEG", quality=95), Options())

    sharp = await preparer.prepare(encoded(astronaut.resize((1024, 1024)), "PNG"), Options())
    detail = [np.abs(np.diff(p.originals[0].astype(int), axis=1)).mean() for p in (prepared, sharp)]
    assert detail[0] > 0.7 * detail[1]


@pytest.mark.parametrize(
    ("width", "height", "decodes"),
    [
        (1280, 0.30, 1),  # as chats send it, an arm's length away
        (1280, 0.12, 2),  # only a small face needs more
        (2600, 0.30, 1),
        (2600, 0.12, 2),
    ],
)
async def test_a_selfie_is_decoded_once(
    width: int, height: float, decodes: int, astronaut: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = Image.new("RGB", (width, width), "white")
    side = round(512 * height * width / 113)
    photo.paste(astronaut.resize((side, side)), ((width - side) // 2, round(0.4 * width - 0.23 * side)))
    sizes = []

    def counted(data: bytes, limits: Limits, longest: int) -> Photo:
        sizes.append(longest)
        return decode(data, limits, longest)

    monkeypatch.setattr("inference.decode.decode", counted)
    monkeypatch.setattr(prepare_process, "_detector", Detector())
    job = Job(Options(), 50_000_000, 12_000, faces=1, size=256, shown=256)

    prepared = prepare_process.prepare(encoded(photo, "JPEG"), job)

    assert prepared.found == 1
    assert len(sizes) == decodes


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Unreadable),
        (b"hello", UnsupportedFormat),
        (b"\xff\xd8\xff\xe0 cut", Unreadable),
        (b"\0" * 5_000_001, PhotoTooLarge),
        (encoded(Image.new("RGB", (400, 400), "teal"), "PNG"), NoFace),
    ],
)
async def test_refusals_cross_from_the_child(data: bytes, error: type[Exception], preparer: Preparer) -> None:
    with pytest.raises(error):
        await preparer.prepare(data, Options())


async def test_too_much_memory_is_refused_and_the_process_goes_on(preparer: Preparer, photo: bytes) -> None:
    heavy = encoded(Image.new("RGBA", (7000, 7000)), "PNG")  # 47 megapixels: 196 MB of pixels, then their copies

    with pytest.raises(PrepareTimeout):
        await preparer.prepare(heavy, Options())

    assert (await preparer.prepare(photo, Options())).found == 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "WEBP lossless", "WEBP transparent"])
async def test_the_largest_photo_taken_fits_into_the_memory(preparer: Preparer, kind: str) -> None:
    # A quarter of the default's pixels in a quarter of its memory.
    image = Image.new("RGBA" if "transparent" in kind else "RGB", (4096, 3072), "teal")
    options = {"lossless": "lossless" in kind, "method": 0} if "WEBP" in kind else {}

    prepared = await preparer.prepare(encoded(image, kind.split()[0], **options), Options(whole=True))

    assert np.abs(prepared.originals.astype(int) - (0, 128, 128)).max() <= 4


async def test_a_process_that_takes_too_long_is_killed_and_replaced(
    preparer: Preparer, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(prepare_process, "prepare", hostile.hang)
        with pytest.raises(PrepareTimeout, match="within"):
            await preparer.prepare(photo, Options())

    assert (await preparer.prepare(photo, Options())).found == 1


async def test_a_process_that_crashes_is_replaced(
    preparer: Preparer, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(prepare_process, "prepare", hostile.crash)
        with pytest.raises(PrepareTimeout):
            await preparer.prepare(photo, Options())

    assert (await preparer.prepare(photo, Options())).found == 1


async def test_goes_on_after_idle_processes_were_killed(preparer: Preparer, photo: bytes) -> None:
    await preparer.prepare(photo, Options())
    children = [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]
    assert children
    for child in children:
        os.kill(child.pid, signal.SIGKILL)

    assert (await preparer.prepare(photo, Options())).found == 1


async def test_cancelling_leaves_the_pool_in_order(preparer: Preparer, photo: bytes) -> None:
    runs = [asyncio.create_task(preparer.prepare(photo, Options())) for _ in range(6)]
    await asyncio.sleep(0)
    for run in runs[::2]:
        run.cancel()

    results = await asyncio.gather(*runs, return_exceptions=True)

    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 3
