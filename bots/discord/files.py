"""Pictures as Discord files, within the size that the place allows."""

import asyncio
import io
from collections.abc import Sequence
from typing import Literal

import discord
from PIL import Image

from bots.requests import Picture

MOST_FILES = 10
"""Files one message may carry."""
JPEG_QUALITY = 95


async def as_files(pictures: Sequence[Picture], limit: int, kind: Literal["png", "jpeg"] = "png") -> list[discord.File]:
    """One file a picture, `anime.png`, `anime-2.png`, …; a PNG above `limit` bytes goes as JPEG instead."""
    files = []
    for number, picture in enumerate(pictures[:MOST_FILES], start=1):
        stem = "anime" if number == 1 else f"anime-{number}"
        if kind == "png" and len(picture.png) <= limit:
            files.append(discord.File(io.BytesIO(picture.png), f"{stem}.png"))
        else:
            data = await asyncio.to_thread(_jpeg, picture.png)
            files.append(discord.File(io.BytesIO(data), f"{stem}.jpg"))
    return files


def _jpeg(png: bytes) -> bytes:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        out = io.BytesIO()
        image.convert("RGB").save(out, "JPEG", quality=JPEG_QUALITY)
        return out.getvalue()
