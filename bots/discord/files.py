"""Pictures as Discord files, within the size that the place allows."""

import asyncio
import io
from collections.abc import Sequence
from typing import Literal

import discord
from PIL import Image

from bots.requests import Picture
from bots.side_by_side import side_by_side

MOST_FILES = 10
"""Files one message may carry."""
JPEG_QUALITY = 95
EMOJI_SIDE = 128
"""Pixels that Discord keeps of an emoji; as a PNG far below its 256 KB, and enough for an avatar in a list."""


async def as_files(
    pictures: Sequence[Picture], limit: int, kind: Literal["png", "jpeg"] = "png", *, spoiler: bool
) -> list[discord.File]:
    """One file a picture, `anime.png`, `anime-2.png`, …; a PNG above `limit` bytes goes as JPEG instead.

    Args:
        spoiler: covered until somebody clicks it.
    """
    files = []
    for number, picture in enumerate(pictures[:MOST_FILES], start=1):
        stem = "anime" if number == 1 else f"anime-{number}"
        if kind == "png" and len(picture.png) <= limit:
            files.append(discord.File(io.BytesIO(picture.png), f"{stem}.png", spoiler=spoiler))
        else:
            data = await asyncio.to_thread(_jpeg, picture.png)
            files.append(discord.File(io.BytesIO(data), f"{stem}.jpg", spoiler=spoiler))
    return files


async def beside_files(pictures: Sequence[Picture], limit: int, *, spoiler: bool) -> list[discord.File]:
    """Each picture with the crop of its photo at its left; see `as_files`."""
    return await as_files(await side_by_side_each(pictures), limit, spoiler=spoiler)


async def side_by_side_each(pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """The same pictures, each with the crop of its photo at its left."""
    return await asyncio.to_thread(lambda: tuple(Picture(side_by_side(each), each.original) for each in pictures))


async def emoji_files(pictures: Sequence[Picture], limit: int, *, spoiler: bool) -> list[discord.File]:
    """Each picture as small as emoji are; see `as_files`."""
    small = await asyncio.to_thread(lambda: [Picture(_emoji(each.png), each.original) for each in pictures])
    return await as_files(small, limit, spoiler=spoiler)


def _emoji(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        out = io.BytesIO()
        image.convert("RGB").resize((EMOJI_SIDE, EMOJI_SIDE), Image.Resampling.LANCZOS).save(out, "PNG")
        return out.getvalue()


def _jpeg(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        out = io.BytesIO()
        image.convert("RGB").save(out, "JPEG", quality=JPEG_QUALITY)
        return out.getvalue()
