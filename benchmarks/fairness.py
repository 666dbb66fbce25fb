"""A newcomer behind somebody's pile: `python -m benchmarks.fairness [PILE]`.

One person has sent 500 photos (the limits are raised for it), the first of them are being painted, then somebody else
sends one. Printed is its place in line, how many batches came from then on before the one with its own picture, and how
many pictures of the pile were in them and in that one. Goal: no more than two batches.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.photos import as_sent, unlike_any_other
from bots.logs import configure_logging
from bots.requests import Delivery, PhotoRequest, Progress, Refused
from bots.studio import Studio
from config import Settings, load_settings
from inference import Options, Pipeline, Translation
from inference.measures import Batch, Stage
from storage import Database, Job, Source, open_store

PLATFORM = "benchmark"
WITHIN = 2  # batches


@dataclass
class Door:
    """Notes when answers come. See `bots.requests.Door`."""

    platform: str = PLATFORM
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    first: asyncio.Event = field(default_factory=asyncio.Event)

    async def progress(self, job: Job, progress: Progress) -> None:
        return None

    async def deliver(self, job: Job, delivery: Delivery) -> None:
        self.first.set()
        if job.person.endswith("newcomer"):
            self.answered.set()

    async def explain(self, job: Job, code: str, reference: str) -> None:
        raise RuntimeError(f"a photo was not painted: {code}")

    async def dismiss(self, job: Job) -> None:
        return None


class Newcomers(Pipeline):
    """Knows whose photo is the newcomer's: the measures are told of its stages in the task that translates it."""

    mine: ContextVar[bool] = ContextVar("mine", default=False)
    photo = b""

    async def translate(self, photo: bytes, options: Options) -> Translation:
        self.mine.set(photo == self.photo)
        return await super().translate(photo, options)


@dataclass
class Batches:
    """Counts what the engines painted, until the newcomer's own picture. See `inference.measures.Measures`."""

    count: int = 0
    pictures: int = 0
    over: bool = False

    def stage(self, stage: Stage, seconds: float) -> None:
        self.over |= stage is Stage.PAINT and Newcomers.mine.get()

    def batch(self, batch: Batch) -> None:
        if not self.over:
            self.count += 1
            self.pictures += batch.count


async def measure(pile: int) -> None:
    """Print the newcomer's place and how much came before its answer."""
    photo, door, batches = as_sent(0.3), Door(), Batches()
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(Path(folder), pile)
        configure_logging(settings)
        async with (
            Database(settings.database_path) as database,
            open_store(settings.storage_url, secret=await database.secret("object links")) as store,
            Newcomers(settings, measures=batches) as pipeline,
            Studio(settings, database, store, pipeline) as studio,
        ):
            studio.open_door(door)
            await pipeline.wait_ready()
            full = pipeline.largest
            for number in range(pile):
                await studio.accept(_request("one", number), _chunks(unlike_any_other(photo)))
            await door.first.wait()
            pipeline.photo = photo
            job = await studio.accept(_request("newcomer", 0), _chunks(photo))
            count, pictures = batches.count, batches.pictures
            progress, waiting = studio.progress_of(job.id), (await studio.stats()).waiting
            await door.answered.wait()
            # What ended in between, the newcomer's own batch and picture not among it.
            count, pictures = batches.count - count - 1, batches.pictures - pictures - 1
    place = progress.position if progress and progress.position else 0
    print(f"place in line      {place} of {waiting} waiting")
    print(f"batches before it  {max(0, count)}   goal {WITHIN}")
    print(f"pictures           {max(0, pictures)} of the pile, those in its own batch too; a full one has {full}")


def _settings(folder: Path, pile: int) -> Settings:
    return load_settings(
        database_path=folder / "jobs.db",
        storage_url=f"file:{folder / 'objects'}",
        log_level="error",
        limits_grace=0,
        limits_queue=pile + 1,
        limits_waiting=pile + 1,
        limits_minute=pile + 1,
        limits_hour=pile + 1,
    )


def _request(person: str, number: int) -> PhotoRequest:
    source = Source(PLATFORM, person, str(number), "photo")
    return PhotoRequest(source, f"{PLATFORM}:{person}", "en", Options(), "{}")


async def _chunks(photo: bytes) -> AsyncIterator[bytes]:
    yield photo


def main() -> None:
    pile = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print(describe("tensorflow-cpu", "keras"))
    try:
        asyncio.run(measure(pile))
    except Refused as refused:
        sys.exit(f"a photo was refused: {refused.code}, {refused}")


if __name__ == "__main__":
    main()
