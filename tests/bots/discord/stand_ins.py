"""A studio that keeps what it is given and answers when the test says so."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace

import discord
from PIL import Image

from bots.allowance import Allowance
from bots.requests import Delivery, Door, PhotoRequest, Picture, Refused
from storage import Job, Person, State
from storage.arrivals import Arrival

Work = Callable[[Door, Job], Awaitable[None]]


def png_of(size: int = 256, seed: int = 7) -> bytes:
    """A noisy PNG: it does not shrink, so its length is near size * size * 3."""
    out = io.BytesIO()
    Image.frombytes("RGB", (size, size), Random(seed).randbytes(size * size * 3)).save(out, "PNG")
    return out.getvalue()


def picture_of(seed: int = 7) -> Picture:
    return Picture(png_of(seed=seed), png_of(seed=seed + 1))


def delivery_of(count: int = 1, found: int | None = None) -> Delivery:
    return Delivery(tuple(picture_of(seed) for seed in range(count)), found or count)


def paint(delivery: Delivery) -> Work:
    async def work(door: Door, job: Job) -> None:
        await door.deliver(job, delivery)

    return work


def fail(code: str, reference: str = "ab12cd34") -> Work:
    async def work(door: Door, job: Job) -> None:
        await door.explain(job, code, reference)

    return work


async def nothing(door: Door, job: Job) -> None:
    """The job stays unanswered."""


@dataclass
class FakePeople:
    """Remembers in memory. See `storage.People`."""

    known: dict[str, Person] = field(default_factory=dict)

    async def get(self, person: str) -> Person:
        return self.known.get(person, Person(person))


@dataclass
class FakeAllowances:
    known: dict[str, Allowance] = field(default_factory=dict)

    async def few(self, person: str) -> Allowance | None:
        return self.known.get(person)


@dataclass
class FakeArrivals:
    """Remembers in memory. See `storage.Arrivals`."""

    known: dict[int, Arrival] = field(default_factory=dict)

    async def add(self, arrival: Arrival) -> None:
        self.known.setdefault(arrival.number, arrival)

    async def of(self, platform: str) -> list[Arrival]:
        return [*self.known.values()]

    async def remove(self, platform: str, number: int) -> None:
        self.known.pop(number, None)


@dataclass
class FakeStudio:
    """Accepts everything unless told to refuse; does `work` on each job in a task of its own."""

    work: Work = nothing
    refuses: Exception | None = None
    doors: dict[str, Door] = field(default_factory=dict)
    requests: list[PhotoRequest] = field(default_factory=list)
    photos: list[bytes] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    people: FakePeople = field(default_factory=FakePeople)
    allowances: FakeAllowances = field(default_factory=FakeAllowances)
    arrivals: FakeArrivals = field(default_factory=FakeArrivals)

    def open_door(self, door: Door) -> None:
        self.doors[door.platform] = door

    async def accept(self, request: PhotoRequest, *photos: AsyncIterator[bytes]) -> Job:
        if self.refuses is not None:
            raise self.refuses
        self.photos += [b"".join([chunk async for chunk in chunks]) for chunks in photos]
        self.requests.append(request)
        job = Job(
            id=f"{len(self.jobs):032x}",
            source=request.source,
            person=request.person,
            options=request.options.to_json(),
            reply=request.reply,
            language=request.language,
            state=State.QUEUED,
            code=None,
            attempts=0,
            results=(),
            inputs=tuple(f"inputs/1/{number}" for number in range(len(photos))),
            created_at=time.time(),
            updated_at=time.time(),
        )
        self.jobs.append(job)
        self.tasks.append(asyncio.create_task(self.work(self.doors["discord"], job)))
        return job

    async def latest(self, person: str, limit: int) -> list[Job]:
        return [job for job in reversed(self.jobs) if job.person == person][:limit]


def unwell(get: Callable[[str], bytes | None], failures: list[Exception]) -> Callable[[str], bytes | None]:
    """A place for attachments that fails so first."""

    def troubled(url: str) -> bytes | None:
        if failures:
            raise failures.pop(0)
        return get(url)

    return troubled


def refusal(code: str, retry_at: float | None = None) -> Refused:
    return Refused(code, "as the test wants it", retry_at)


def status(code: int) -> discord.HTTPException:
    """What the SDK raises for a response with this status."""
    return discord.HTTPException(SimpleNamespace(status=code, reason="as the test wants it"), "no")


@dataclass
class FakeClock:
    """Unix seconds that pass when told to."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now
