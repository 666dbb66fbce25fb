"""Photos of one job: in order, few at once, and no more pictures than a chat can bear."""

import asyncio
from dataclasses import replace

import pytest

from bots.album import AT_ONCE, MOST, bounded, paint_album
from bots.discord.files import MOST_FILES
from inference import Portrait, Translation
from inference.errors import NoFace, Unreadable
from tests.storage.parts import job


def portraits(name: str, count: int) -> tuple[Portrait, ...]:
    return tuple(Portrait(f"{name}{number}".encode(), b"", 256) for number in range(count))


async def test_photos_are_painted_few_at_once_and_come_in_order() -> None:
    painting, most = 0, 0
    album = replace(job(), inputs=tuple("abcdef"), missed=("",) * 6)

    async def paint(key: str) -> Translation:
        nonlocal painting, most
        painting += 1
        most = max(most, painting)
        for _ in range(3 if key == "a" else 1):  # the first takes the longest
            await asyncio.sleep(0)
        painting -= 1
        return Translation(portraits(key, 2), found=3)

    painted = await paint_album(album, paint)
    assert [portrait.png.decode() for portrait in painted.portraits] == [
        f"{key}{n}" for key in "abcdef" for n in (0, 1)
    ]
    assert (painted.found, painted.missed) == (18, ("",) * 6)
    assert most == AT_ONCE


async def test_the_first_failure_is_told_when_all_fail() -> None:
    album = replace(job(), inputs=("", "b", "c"), missed=("photo_too_large", "", ""))

    async def paint(key: str) -> Translation:
        if key == "b":
            await asyncio.sleep(0)
            raise NoFace("nobody")
        raise Unreadable("broken")

    with pytest.raises(NoFace):
        await paint_album(album, paint)


async def test_a_single_photo_is_not_cut_short() -> None:
    async def paint(key: str) -> Translation:
        return Translation(portraits(key, MOST + 1), found=MOST + 1)

    assert len((await paint_album(job(), paint)).portraits) == MOST + 1


async def test_an_album_for_discord_fits_one_message() -> None:
    asked = job()
    album = replace(asked, source=replace(asked.source, platform="discord"), inputs=tuple("abcd"), missed=("",) * 4)

    async def paint(key: str) -> Translation:
        return Translation(portraits(key, 3), found=3)

    painted = await paint_album(album, paint)
    chosen = [portrait.png.decode() for portrait in painted.portraits]
    assert chosen == ["a0", "a1", "a2", "b0", "b1", "b2", "c0", "c1", "c2", "d0"]
    assert painted.found == 12
    assert len(chosen) == MOST_FILES


@pytest.mark.parametrize(
    ("faces", "most", "chosen"),
    [
        ([1, 1], 30, ["a0", "b0"]),
        ([3, 2], 30, ["a0", "a1", "a2", "b0", "b1"]),
        ([3, 2], 4, ["a0", "a1", "a2", "b0"]),
        ([9, 1, 9], 5, ["a0", "a1", "a2", "b0", "c0"]),
        ([1, 1, 9], 4, ["a0", "b0", "c0", "c1"]),
    ],
)
def test_every_photo_has_its_first_before_others_have_more(faces: list[int], most: int, chosen: list[str]) -> None:
    photos = [portraits(name, count) for name, count in zip("abc", faces, strict=False)]
    assert [portrait.png.decode() for portrait in bounded(photos, most)] == chosen
