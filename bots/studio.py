"""The studio: what every front door talks to. It takes photos in, and its workshop paints and delivers them."""

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

import structlog

from bots.admission import Admission, Incoming
from bots.allowance import Allowances
from bots.answers import Answers
from bots.fleet import Fleet
from bots.likeness import Likeness
from bots.metrics import Metrics
from bots.requests import Discarded, Door, PhotoRequest, Picture, Progress, Refused
from bots.restraint import HOUR, Restraint
from bots.seal import Seal
from bots.vitals import Queue, Stats
from bots.workshop import Workshop
from config import Settings
from inference import Options, Pipeline, Priority, Scheduler
from storage import Database, Job, ObjectMissing, ObjectStore, Source, State, StorageError, input_key
from storage.objects import all_or_none
from storage.retention import Forgotten, forget, forget_job

log = structlog.get_logger(__name__)


class Studio:
    """Accepts photos, knows where each stands, and answers through the doors opened at it.

    Args:
        metrics: is told what happens.
        clock: unix time in seconds.

    Attributes:
        people: what is remembered of people.
        broadcasts: who can be written to, and what is being sent to them.
        arrivals: what a door confirmed and has not dealt with yet.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        store: ObjectStore,
        pipeline: Pipeline | Fleet,
        *,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.people = database.people
        self.broadcasts = database.broadcasts
        self.arrivals = database.arrivals
        self._settings = settings
        self._database = database
        self._store = store
        self._pipeline = pipeline
        self._metrics = metrics or Metrics()
        self._clock = clock
        self._restraint = Restraint(database.people, clock)
        self.allowances = Allowances(settings.limits_hour, database.jobs, self._restraint, clock)
        self._scheduler: Scheduler
        self._workshop: Workshop
        self._admission: Admission
        self._seal: Seal
        self._answers = Answers(settings, database.jobs, store, self._metrics, clock=clock)

    async def __aenter__(self) -> Self:
        self._seal = Seal(await self._database.secret("signatures"))
        unfinished = await self._database.jobs.unfinished()
        # What was accepted before a restart is always taken up again, even when limits have shrunk since.
        self._scheduler = Scheduler(self._settings.limits_queue + len(unfinished))
        self._workshop = Workshop(
            self._settings,
            self._database.jobs,
            self._store,
            self._pipeline,
            self._scheduler,
            self._answers,
            self._metrics,
        )
        self._admission = Admission(
            self._settings, self._database, self._scheduler, self._workshop, self._restraint, self._clock
        )
        await self._workshop.__aenter__()
        await self._workshop.recover(unfinished)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._admission.close()
        await self._workshop.__aexit__(kind, error, traceback)

    def open_door(self, door: Door) -> None:
        """Make `door` the one that answers for its platform; what waits for it is delivered from now on."""
        self._answers.open_door(door)

    @property
    def ready(self) -> bool:
        """The network is warm, and photos are taken in."""
        return self._pipeline.ready.is_set() and not self._admission.closed

    async def accept(self, request: PhotoRequest, *photos: AsyncIterator[bytes]) -> Job:
        """Take photos in as one job: refuse early, write the objects, then the row, then line up.

        The same source again returns the job it already has; nothing is read and nothing is started twice. Of several
        photos, one that can't be taken does not spoil the others: the answer will say why it is not among them.

        Args:
            photos: the bytes of each; read one after the other. One that raises `Refused` is not taken.

        Raises:
            Refused: none was taken, with a code for the words and, where known, when it would be.
        """
        async with self._counting_refusals(request):
            return await self._accept(request, photos)

    async def _accept(self, request: PhotoRequest, photos: Sequence[AsyncIterator[bytes]]) -> Job:
        async with self._admission.coming(request) as incoming:
            known = await self._database.jobs.find(request.source)
            if known is not None:
                return known
            await self._admission.let_in(incoming, request, len(photos))
            job = await self._write_down(request, photos)
            incoming.written = True
            earlier = await self._painted_before(job)
            await self._wipe_unwanted(incoming, job)
        if earlier is not None:
            self._workshop.repeat(job, earlier)
        else:
            self._line_up(job, Priority.INTERACTIVE if request.interactive else Priority.BATCH)
        return job

    async def repaint(
        self, job_id: str, person: str, options: Options, source: Source, *, reply: str, language: str
    ) -> Job:
        """Paint the photos of that person's earlier job once more; a job of its own, counted as any other.

        Args:
            source: what asked for it; the same one again returns its existing job.

        Raises:
            Refused: `photo_gone` when they are wiped, and all that `accept` refuses for.
        """
        request = PhotoRequest(source, person, language, options, reply)
        async with self._counting_refusals(request):
            return await self._repaint(job_id, request)

    async def _repaint(self, job_id: str, request: PhotoRequest) -> Job:
        source, person = request.source, request.person
        async with self._admission.coming(request) as incoming:
            known = await self._database.jobs.find(source)
            if known is not None:
                return known
            earlier = await self._database.jobs.get(job_id)
            if earlier is None or earlier.person != person or not earlier.stored_inputs:
                raise Refused("photo_gone", f"the photo of job {job_id} is wiped")
            # What was not taken in then is still missing; what could not be painted may be this time.
            missed = [code if not key else "" for key, code in zip(earlier.inputs, earlier.missed, strict=True)]
            await self._admission.let_in(incoming, request, len(earlier.stored_inputs))
            job = self._row(request, secrets.token_hex(16), earlier.inputs, missed)
            added = await self._database.jobs.add(job) or await self._database.jobs.find(source)
            if added is not None:
                await self._wipe_unwanted(incoming, added)
        if added is None:
            raise Refused("unexpected", "the row vanished between two reads")
        self._line_up(added, Priority.INTERACTIVE)
        log.info("job accepted", job=added.id, platform=source.platform, repaints=job_id)
        return added

    async def cancel(self, job_id: str, person: str) -> bool:
        """End a job of that person before its picture is there. False: not theirs, unknown, or too late."""
        job = await self._database.jobs.get(job_id)
        if job is None or job.person != person or not await self._database.jobs.advance(job_id, State.CANCELLED):
            return False
        self._workshop.stop(job_id)
        self._answers.dismiss(job)
        log.info("job cancelled", job=job_id)
        return True

    async def discard(self, job_id: str, person: str) -> Discarded | None:
        """Wipe the pictures of that person's job, and its photos unless another job is made from them, too."""
        await self.cancel(job_id, person)  # one that is not delivered yet has nothing to deliver any more
        jobs = self._database.jobs
        job = await jobs.get(job_id)  # as it is now that nothing can be added to it
        if job is None or job.person != person:
            return None
        photos = job.stored_inputs if await jobs.sharing_inputs(job.inputs) == 1 else ()
        await self._store.delete([*job.results, *photos])
        await jobs.results_wiped([job_id])
        await jobs.inputs_wiped([job_id])
        await self._database.mails.settle(job_id)  # a link to nothing is not mailed
        log.info("job discarded", job=job_id)
        return Discarded(len(photos), len(job.results))

    async def give_up(self) -> None:
        """End what waits for a door that is turned off, for a sweep to delete in time."""
        for job in await self._answers.give_up():
            self._workshop.stop(job.id)

    async def forget(self, person: str) -> Forgotten:
        """Cancel what a person still waits for, and wipe all that is stored of them; says how much that was."""
        async with self._admission.forgetting(person):
            for job in await self._database.jobs.of(person):
                await self.cancel(job.id, person)
            sent = await self._database.jobs.photos_since(person, self._clock() - HOUR)
            forgotten = await forget(self._database, self._store, person)
            self._restraint.wiped(person, *sent)  # not before: what could not be wiped counts by its rows
        log.info("person forgotten", jobs=forgotten.jobs, photos=forgotten.photos, pictures=forgotten.pictures)
        return forgotten

    async def latest(self, person: str, limit: int) -> list[Job]:
        """A person's jobs that were delivered and whose pictures are still there, newest first."""
        return await self._database.jobs.latest(person, limit)

    async def pictures(self, job: Job) -> tuple[Picture, ...]:
        """The pictures of a job that is painted; none once they are wiped."""
        try:
            data = [await self._store.get(key) for key in job.results]
        except ObjectMissing:
            return ()
        return tuple(Picture(png, original) for png, original in zip(data[::2], data[1::2], strict=True))

    async def painted(self) -> int:
        """How many pictures were ever painted here."""
        return await self._database.jobs.painted()

    async def stats(self) -> Stats:
        """How the service is doing."""
        counts = await self._database.jobs.counts()
        return Stats(self.ready, len(self._scheduler), counts, self._pipeline.seconds_per_picture())

    async def job(self, job_id: str) -> Job | None:
        """The job as it stands now."""
        return await self._database.jobs.get(job_id)

    async def job_of(self, source: Source) -> Job | None:
        """The job that was made of what came from there."""
        return await self._database.jobs.find(source)

    def progress_of(self, job_id: str) -> Progress | None:
        """Where an unfinished job stands; None when it does not wait and is not painted."""
        return self._workshop.progress_of(job_id)

    def queue(self) -> Queue:
        """The line at this moment."""
        return self._workshop.queue(self._clock())

    async def link(self, key: str) -> str:
        """A signed link to an object, good for STORAGE_LINK_TTL seconds."""
        return await self._store.link(key, self._settings.storage_link_ttl)

    async def remember(self, job_id: str, reply: str) -> None:
        """Replace what the door has to know to answer a job."""
        await self._database.jobs.remember(job_id, reply)

    def sign(self, purpose: str, text: str) -> str:
        """A short signature, good for ever; see `bots.seal`."""
        return self._seal.sign(purpose, text)

    def verify(self, purpose: str, text: str, signature: str) -> bool:
        """Whether `sign` made this signature for that purpose and text."""
        return self._seal.verify(purpose, text, signature)

    async def drain(self) -> None:
        """Take nothing more in, finish what is being painted or delivered within LIMITS_GRACE seconds.

        What still waits stays in the database and is taken up at the next start.
        """
        self._admission.close()
        await self._workshop.drain(self._settings.limits_grace)

    @contextlib.asynccontextmanager
    async def _counting_refusals(self, request: PhotoRequest) -> AsyncIterator[None]:
        try:
            yield
        except Refused as refused:
            self._metrics.refused(request.source.platform, refused.code)
            if not request.unasked:
                await self._restraint.refused(request.person, refused.code)
            raise

    async def _wipe_unwanted(self, incoming: Incoming, job: Job) -> None:
        """Nothing is awaited when it is wanted: between this look and its place in line nobody can be forgotten."""
        if not incoming.unwanted:
            return
        wiped = await forget_job(self._database, self._store, job.id)
        if wiped.jobs:  # else it was found, and counted, when the others were
            self._restraint.wiped(job.person, len(job.missed), job.created_at)
        raise Refused("photo_gone", f"{job.person} was forgotten while job {job.id} came in")

    async def _painted_before(self, job: Job) -> Job | None:
        try:
            earlier = await self._database.jobs.like(job)
        except StorageError as error:  # the job is written down, and nothing may keep it from being painted
            log.warning("not looked for among earlier ones", job=job.id, error=str(error))
            return None
        # A photo that could not be painted then may be this time.
        return None if earlier is None or any(earlier.missed) else earlier

    async def _read(self, chunks: AsyncIterator[bytes], likeness: Likeness) -> bytes:
        photo = bytearray()
        async for chunk in chunks:
            photo += chunk
            likeness.part(chunk)
            if len(photo) > self._settings.limits_photo_bytes:
                raise Refused("photo_too_large", f"more than {self._settings.limits_photo_bytes} bytes came")
        if not photo:
            raise Refused("unreadable", "no bytes came")
        likeness.end()
        return bytes(photo)

    def _line_up(self, job: Job, priority: Priority) -> None:
        if job.state is State.QUEUED and job.id not in self._workshop:  # else the same update came twice at once
            self._workshop.line_up(job, priority)

    def _row(self, request: PhotoRequest, job_id: str, inputs: Sequence[str], missed: Sequence[str]) -> Job:
        now = self._clock()
        return Job(
            id=job_id,
            source=request.source,
            person=request.person,
            options=request.options.to_json(),
            reply=request.reply,
            language=request.language,
            state=State.QUEUED,
            code=None,
            attempts=0,
            inputs=tuple(inputs),
            results=(),
            created_at=now,
            updated_at=now,
            missed=tuple(missed),
        )

    async def _write_down(self, request: PhotoRequest, photos: Sequence[AsyncIterator[bytes]]) -> Job:
        job_id = secrets.token_hex(16)
        inputs: list[str] = []
        refusals: list[Refused] = []
        missed: list[str] = []
        likeness = Likeness(self._seal.secret, self._pipeline.version, request.options)
        size = 0
        try:
            async with all_or_none(self._store, inputs):
                for number, chunks in enumerate(photos, 1):  # one in memory at a time
                    try:
                        photo = await self._read(chunks, likeness)
                    except Refused as refused:
                        refusals.append(refused)
                        inputs.append("")
                        missed.append(refused.code)
                        continue
                    inputs.append(input_key(job_id, number))
                    missed.append("")
                    size += len(photo)
                    await self._store.put(inputs[-1], photo, "application/octet-stream")
            if len(refusals) == len(photos):
                raise refusals[0]
            job = self._row(request, job_id, inputs, missed)
            if not refusals:  # else it is not the photos that were sent
                job = replace(job, likeness=likeness.text())
            added = await self._add(job)
        except StorageError as error:
            log.error("photo not stored", person=request.person, error=str(error))
            raise Refused("unexpected", str(error)) from error
        if added is None:  # the same source arrived twice at the same moment, and the other one was first
            await self._store.delete(job.stored_inputs)
            first = await self._database.jobs.find(request.source)
            if first is None:
                raise Refused("unexpected", "the row vanished between two reads")
            return first
        platform, taken = job.source.platform, len(job.stored_inputs)
        log.info("job accepted", job=job.id, platform=platform, bytes=size, photos=taken, refused=len(refusals))
        return added

    async def _add(self, job: Job) -> Job | None:
        try:
            return await self._database.jobs.add(job)
        except StorageError:
            with contextlib.suppress(StorageError):  # if nobody can say that the row is not there, a sweep will know
                if await self._database.jobs.get(job.id) is None:
                    await self._store.delete(job.stored_inputs)
            raise
