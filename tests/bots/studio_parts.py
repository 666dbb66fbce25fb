"""A pipeline and a door that tests steer; database and files are the real ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bots.metrics import Metrics
from bots.requests import Delivery, PhotoRequest, Progress
from bots.studio import Studio
from config import Settings, load_settings
from inference import Options, Portrait, Translation
from inference.engine import Engine
from storage import Database, Job, ObjectStore, Source, State, open_store


class SteeredPipeline:
    """Paints at once, unless `act` says otherwise."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self.painted: list[bytes] = []
        self.engines: list[Engine] = []
        self.usable = 1
        self.largest = 8
        self.version = "1"
        self.act: Callable[[bytes], Awaitable[None]] | None = None

    async def translate(self, photo: bytes, options: Options) -> Translation:
        if self.act is not None:
            await self.act(photo)
        self.painted.append(photo)
        return Translation((Portrait(png=b"anime of " + photo, original=b"crop of " + photo, size=256),), found=1)

    def seconds_per_picture(self) -> float | None:
        return 0.5

    def seconds_for(self, photos: int) -> float | None:
        return 0.5 * photos


class RecordingDoor:
    """Remembers what it was told to send."""

    platform = "test"

    def __init__(self) -> None:
        self.delivered: list[tuple[Job, Delivery]] = []
        self.explained: list[tuple[Job, str, str]] = []
        self.dismissed: list[Job] = []
        self.shown: list[tuple[Job, Progress]] = []
        self.failures: list[Exception] = []
        self.changed = asyncio.Event()

    async def progress(self, job: Job, progress: Progress) -> None:
        self.shown.append((job, progress))
        self.changed.set()

    async def deliver(self, job: Job, delivery: Delivery) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.delivered.append((job, delivery))
        self.changed.set()

    async def explain(self, job: Job, code: str, reference: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.explained.append((job, code, reference))
        self.changed.set()

    async def dismiss(self, job: Job) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.dismissed.append(job)
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Held:
    """A photo of which one half has come, or a call that has begun: goes on when `go` is set."""

    def __init__(self) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def wait(self) -> None:
        self.begun.set()
        await self.go.wait()

    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"pho"
        await self.wait()
        yield b"to"

    def after(self, call: Callable[[Job], Awaitable[Job | None]]) -> Callable[[Job], Awaitable[Job | None]]:
        """`call`, whose answer is held back."""

        async def held(job: Job) -> Job | None:
            answer = await call(job)
            await self.wait()
            return answer

        return held


def settings_in(folder: Path, **overrides: object) -> Settings:
    defaults = {"storage_url": f"file:{folder}/objects", "database_path": folder / "jobs.db", "limits_grace": 5}
    return load_settings(**(defaults | overrides))


def request(message: str = "1", person: str = "test:ann", **overrides: object) -> PhotoRequest:
    fields = {"source": Source("test", "chat", message, "photo"), "person": person, "language": "en"}
    return PhotoRequest(**{**fields, "options": Options(), "reply": "{}", **overrides})  # type: ignore[arg-type]


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@asynccontextmanager
async def studio_in(
    settings: Settings,
    pipeline: SteeredPipeline,
    door: RecordingDoor | None,
    wrap: Callable[[ObjectStore], ObjectStore] = lambda store: store,
    metrics: Metrics | None = None,
) -> AsyncIterator[tuple[Studio, Database, ObjectStore]]:
    metrics = metrics or Metrics()
    pipeline.largest = settings.model_batch  # as the real one has it
    async with (
        Database(settings.database_path) as database,
        open_store(settings.storage_url, secret=await database.secret("object links")) as store,
        Studio(settings, database, wrap(store), pipeline, metrics=metrics) as studio,  # type: ignore[arg-type]
    ):
        database.jobs.listen(metrics.job_changed)
        if door is not None:
            studio.open_door(door)
        yield studio, database, store


ENDED = frozenset(state for state in State if state.ended)


async def reached(database: Database, job_id: str, states: frozenset[State], within: float = 20.0) -> Job:
    """The job once it is in one of `states`. The database tells nobody when a row changes, so it is asked."""
    async with asyncio.timeout(within):
        while (job := await database.jobs.get(job_id)) is None or job.state not in states:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return job


async def ended(database: Database, job_id: str, within: float = 20.0) -> Job:
    """The job once it has ended."""
    return await reached(database, job_id, ENDED, within)
