"""The Telegram door in a running service whose network is a painter that tests steer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bots.studio import Studio
from bots.telegram.runner import TelegramRunner, run_telegram
from config import Settings
from inference import InferenceError, Options, Portrait, Translation
from storage import Database, ObjectStore
from tests.bots.studio_parts import settings_in, studio_in
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram

PAINTED = tuple(picture(256, 256, colour, "PNG") for colour in ("red", "green", "blue", "gold", "pink", "teal"))


class Painter:
    """Paints `faces` pictures of any photo at once, unless `error` is set or `hold` is cleared."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self.hold = asyncio.Event()
        self.hold.set()
        self.usable = 1
        self.largest = 8
        self.version = "1"
        self.faces = self.found = 1
        self.error: InferenceError | None = None
        self.photos: list[bytes] = []
        self.options: list[Options] = []

    async def translate(self, photo: bytes, options: Options) -> Translation:
        self.photos.append(photo)
        self.options.append(options)
        await self.hold.wait()
        if self.error is not None:
            raise self.error
        portraits = (Portrait(png=png, original=png, size=256) for png in PAINTED[: self.faces])
        return Translation(tuple(portraits), found=max(self.found, self.faces))

    def seconds_per_picture(self) -> float | None:
        return 0.5

    def seconds_for(self, photos: int) -> float | None:
        return 0.5 * photos


@dataclass(frozen=True)
class Running:
    studio: Studio
    database: Database
    store: ObjectStore
    runner: TelegramRunner
    painter: Painter


def telegram_settings(tg: FakeTelegram, folder: Path, **overrides: object) -> Settings:
    where = {"telegram_token": tg.token, "telegram_base_url": tg.base_url, "telegram_file_url": tg.file_url}
    return settings_in(folder, **{**where, **overrides})


@asynccontextmanager
async def running(
    tg: FakeTelegram, folder: Path, painter: Painter | None = None, **overrides: object
) -> AsyncIterator[Running]:
    """Studio and Telegram door on the data in `folder`; leaving it is a clean stop without waiting for the painter."""
    painter = painter or Painter()
    settings = telegram_settings(tg, folder, **overrides)
    async with (
        studio_in(settings, painter, None) as (studio, database, store),  # type: ignore[arg-type]
        run_telegram(settings, studio) as runner,
    ):
        yield Running(studio, database, store, runner, painter)
