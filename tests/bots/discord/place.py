"""Discord in this process before the real studio, with real files and a real database, and somebody who asks."""

import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import simcord
from PIL import Image

from bots.discord.bot import AnimeBot, create_bot
from bots.discord.reply import TOKEN_SECONDS
from bots.studio import Studio
from config import Settings
from inference import Faces, Options, Portrait, Translation
from storage import Database
from tests.bots.discord.stand_ins import png_of
from tests.bots.studio_parts import SteeredPipeline, ended, studio_in

PHOTO = png_of(32)
ANIME = png_of(256, seed=1)
CROP = png_of(256, seed=2)


class Painter(SteeredPipeline):
    """Paints real pictures, and says how many faces it found. Remembers what it was asked for."""

    def __init__(self, found: int = 1) -> None:
        super().__init__()
        self.found = found
        self.options: list[Options] = []

    async def translate(self, photo: bytes, options: Options) -> Translation:
        self.options.append(options)
        await super().translate(photo, options)
        count = self.found if options.faces is Faces.ALL and options.face is None and not options.whole else 1
        return Translation((Portrait(ANIME, CROP, 256),) * count, self.found)


@dataclass
class Place:
    """Where ann asks, and all that is behind it."""

    env: simcord.Env
    studio: Studio
    database: Database
    pipeline: Painter
    channel: simcord.ChannelHandle
    ann: simcord.MemberActor
    settings: Settings

    async def ask(self, **options: object) -> simcord.InteractionResult:
        before = {job.id for job in await self.jobs()}
        result = await self.ann.slash(self.channel, "anime", photo=("me.png", PHOTO), **options)
        await self.done(before)
        return result

    async def click(self, message: object, label: str) -> simcord.InteractionResult:
        """Press it, and wait for the job that it makes, if it makes one."""
        before = {job.id for job in await self.jobs()}
        result = await self.ann.click(message, label=label)
        await self.done(before)
        return result

    async def jobs(self) -> list:
        return await self.database.jobs.of(f"discord:{self.ann.id}")

    async def done(self, before: set[str]) -> None:
        for job in await self.jobs():
            if job.id not in before:
                await ended(self.database, job.id)


@asynccontextmanager
async def place_in(settings: Settings, pipeline: Painter) -> AsyncIterator[Place]:
    async with (
        studio_in(settings, pipeline, None) as (studio, database, _),
        simcord.run(create_bot(settings, studio)) as env,
    ):
        channel = env.create_guild().create_text_channel("general")
        ann = env.guild.add_member(env.create_user("ann"))
        yield Place(env, studio, database, pipeline, channel, ann, settings)


def tokens_die(place: Place) -> None:
    """Those of all that was asked so far."""
    bot = place.env.bot
    assert isinstance(bot, AnimeBot)
    bot.door._clock = lambda: time.time() + TOKEN_SECONDS


def labels(message) -> list[str]:
    return [button["label"] for row in message.components for button in row["components"]]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))
