"""A studio that paints nothing: it keeps what it was given and lets the test say what became of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from bots.allowance import Allowance
from bots.requests import Discarded, PhotoRequest, Progress, Refused
from bots.seal import Seal
from inference import Options
from storage import Job, ObjectStore, Source, State
from storage.retention import Forgotten


@dataclass
class FakeAllowances:
    known: dict[str, Allowance] = field(default_factory=dict)

    async def few(self, person: str) -> Allowance | None:
        return self.known.get(person)


@dataclass
class FakeStudio:
    store: ObjectStore
    ready: bool = True
    refusal: Refused | Exception | None = None
    jobs: dict[str, Job] = field(default_factory=dict)
    photos: dict[str, bytes] = field(default_factory=dict)
    albums: dict[str, list[bytes]] = field(default_factory=dict)
    requests: list[PhotoRequest] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    pictures: int = 0
    allowances: FakeAllowances = field(default_factory=FakeAllowances)
    seal: Seal = field(default_factory=lambda: Seal(b"s" * 32))

    async def accept(self, request: PhotoRequest, *photos: AsyncIterator[bytes]) -> Job:
        self.requests.append(request)
        if self.refusal:
            raise self.refusal
        for job in self.jobs.values():
            if job.source == request.source:
                return job
        job = make_job(
            f"job{len(self.jobs) + 1}",
            source=request.source,
            person=request.person,
            reply=request.reply,
            options=request.options.to_json(),
        )
        read = [b"".join([chunk async for chunk in chunks]) for chunks in photos]
        self.photos[job.id] = read[0]
        self.albums[job.id] = read
        self.jobs[job.id] = job
        return job

    async def repaint(
        self, job_id: str, person: str, options: Options, source: Source, *, reply: str, language: str
    ) -> Job:
        earlier = self.jobs[job_id]
        assert earlier.person == person
        if self.refusal:
            raise self.refusal
        for job in self.jobs.values():
            if job.source == source:
                return job
        job = make_job(f"job{len(self.jobs) + 1}", source=source, person=person, options=options.to_json())
        self.jobs[job.id] = job
        return job

    async def cancel(self, job_id: str, person: str) -> bool:
        job = self.jobs[job_id]
        if job.person != person or job.state.ended:
            return False
        self.change(job_id, state=State.CANCELLED)
        return True

    async def discard(self, job_id: str, person: str) -> Discarded | None:
        await self.cancel(job_id, person)
        job = self.jobs[job_id]
        assert job.person == person
        await self.store.delete([*job.results, *job.stored_inputs])
        self.change(job_id, results=(), inputs=())
        return Discarded(len(job.stored_inputs), len(job.results))

    async def forget(self, person: str) -> Forgotten:
        mine = [job.id for job in self.jobs.values() if job.person == person]
        wiped = [one for one in [await self.discard(job_id, person) for job_id in mine] if one]
        for job_id in mine:
            del self.jobs[job_id]
        photos, pictures = sum(one.photos for one in wiped), sum(one.pictures for one in wiped)
        return Forgotten(len(mine), photos, pictures, settings=False, blocked=False)

    async def job(self, job_id: str) -> Job | None:
        return self.jobs.get(job_id)

    async def painted(self) -> int:
        return self.pictures

    def progress_of(self, job_id: str) -> Progress | None:
        return self.progress.get(job_id)

    async def link(self, key: str) -> str:
        return await self.store.link(key, 3_600)

    def sign(self, purpose: str, text: str) -> str:
        return self.seal.sign(purpose, text)

    def verify(self, purpose: str, text: str, signature: str) -> bool:
        return self.seal.verify(purpose, text, signature)

    def change(self, job_id: str, **changes: object) -> None:
        self.jobs[job_id] = replace(self.jobs[job_id], **changes)  # type: ignore[arg-type]


def make_job(job_id: str, **changes: object) -> Job:
    job = Job(
        id=job_id,
        source=Source("web", "visitor", "message", "photo"),
        person="web:visitor",
        options=Options().to_json(),
        reply="",
        language="en",
        state=State.QUEUED,
        code=None,
        attempts=0,
        inputs=("inputs/1/1",),
        results=(),
        created_at=0.0,
        updated_at=0.0,
    )
    return replace(job, **changes)  # type: ignore[arg-type]
