"""The workshop behind the studio: takes jobs from the scheduler and paints them; survives restarts."""

import asyncio
import itertools
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import structlog

from bots.album import Painted, paint_album
from bots.answers import Answers
from bots.fleet import Fleet
from bots.metrics import Metrics
from bots.patience import store_answers
from bots.requests import Progress, Stage
from bots.vitals import Queue
from config import Settings
from inference import InferenceError, Options, Pipeline, Place, Priority, Scheduler, Translation
from inference.errors import EngineFailed, NoEngine
from storage import Job, Jobs, ObjectMissing, ObjectStore, State, StorageError, result_keys

log = structlog.get_logger(__name__)
T = TypeVar("T")

ATTEMPTS = 3  # a job that took the service down with it this often is given up
SHOWN_AT_ONCE = 25  # jobs whose place is shown before others have their turn in the event loop
TICK = 1.0  # seconds between two looks at who waits, and who has waited too long


@dataclass(frozen=True, slots=True)
class Painting:
    """A job under way, and who works on it."""

    job: Job
    task: asyncio.Task[Painted]


class Workshop:
    """Works on jobs while it is open; what is not finished stays in the database for the next start.

    Args:
        pause: seconds, scales the back-off when the store or the database does not answer.
        clock: seconds, the same one that the scheduler goes by.
    """

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        store: ObjectStore,
        pipeline: Pipeline | Fleet,
        scheduler: Scheduler,
        answers: Answers,
        metrics: Metrics,
        *,
        pause: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._store = store
        self._pipeline = pipeline
        self._scheduler = scheduler
        self._answers = answers
        self._metrics = metrics
        self._pause = pause
        self._clock = clock
        self._waiting: dict[str, Job] = {}
        self._painting: dict[str, Painting] = {}
        self._at_work: dict[str, Job] = {}  # out of the line, and not handed on to be answered
        self._shown: dict[str, tuple[Progress, asyncio.Task[None]]] = {}
        self._showing: set[asyncio.Task[None]] = set()  # a job may leave `_shown` before its task is done
        self._attendants: set[asyncio.Task[None]] = set()
        self._repeating: dict[str, asyncio.Task[None]] = {}  # by job
        self._broken_off: list[str] = []  # jobs that the end came upon
        self._idle: set[asyncio.Task[None] | None] = set()
        self._clerk: asyncio.Task[None] | None = None
        self._draining = False

    async def __aenter__(self) -> Self:
        self._hire()
        self._clerk = asyncio.create_task(self._keep_watch(), name="clerk")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tasks: list[asyncio.Task[object]] = [*self._attendants, *self._repeating.values(), *self._showing]
        tasks += [painting.task for painting in self._painting.values()]
        if self._clerk is not None:
            tasks.append(self._clerk)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            for job_id in self._broken_off:
                await self._jobs.put_back(job_id)
        except StorageError as error:  # they count an attempt more at the next start
            log.warning("not put back", jobs=len(self._broken_off), error=str(error))
        await self._answers.close()

    def __contains__(self, job_id: str) -> bool:
        return any(job_id in known for known in (self._waiting, self._repeating, self._painting))

    def line_up(self, job: Job, priority: Priority) -> None:
        """Let a queued job wait for its turn."""
        deadline = self._clock() + self._settings.limits_deadline
        self._scheduler.submit(job.id, job.person, priority=priority, deadline=deadline, photos=_photos(job))
        self._waiting[job.id] = job

    def repeat(self, job: Job, earlier: Job) -> None:
        """Answer a queued job out of turn with the pictures of an earlier one, which are what it would be painted."""
        if job.state is State.QUEUED and job.id not in self:
            self._repeating[job.id] = asyncio.create_task(self._outlived(job, self._repeat(job, earlier)))

    async def recover(self, unfinished: list[Job]) -> None:
        """Take up what an earlier run left: queued and running jobs wait again, rendered ones are delivered."""
        painted_here = not isinstance(self._pipeline, Fleet)  # else a job may take workers down, which SQS counts
        for job in unfinished:
            if job.state is State.RENDERED:
                self._answers.deliver(job)
            elif job.state is State.RUNNING and job.attempts >= ATTEMPTS and painted_here:
                log.error("job given up", job=job.id, attempts=job.attempts, reference=job.reference)
                self._answers.explain(job, State.FAILED, EngineFailed.code)
            else:
                queued = job if job.state is State.QUEUED else await self._jobs.advance(job.id, State.QUEUED)
                if queued is not None:
                    self.line_up(queued, Priority.INTERACTIVE)
        if unfinished:
            log.info("jobs taken up again", count=len(unfinished))

    def stop(self, job_id: str) -> None:
        """Leave off a job that was cancelled."""
        self._scheduler.cancel(job_id)
        self._waiting.pop(job_id, None)
        self._shown.pop(job_id, None)
        painting = self._painting.get(job_id)
        if painting is not None:
            painting.task.cancel()

    def progress_of(self, job_id: str) -> Progress | None:
        """Where a job stands; None when it neither waits nor is painted."""
        if job_id in self._painting:
            return Progress(Stage.PAINTING, eta=self._seconds_for(Place(0, 0)))
        place = self._scheduler.place(job_id)
        return None if place is None else Progress(Stage.WAITING, place.position, self._seconds_for(place))

    def seconds_for_room(self) -> float | None:
        """Seconds until somebody may try again who found the queue full; None before the first picture was measured."""
        last, jobs = self._scheduler.last(), self._scheduler.until_room
        return self._seconds_for(Place(jobs, math.ceil(jobs * last.photos / last.position)))

    def seconds_for_first_of(self, person: str) -> float | None:
        """Seconds until the first of a person's jobs should be done; None before the first picture was measured."""
        places = (self._scheduler.place(job.id) for job in self._waiting.values() if job.person == person)
        first = min((place for place in places if place), key=lambda place: place.position, default=Place(0, 0))
        return self._seconds_for(first)

    def queue(self, now: float) -> Queue:
        """The line at this moment, which is `now` in unix seconds."""
        waiting = Counter(job.source.platform for job in self._waiting.values())
        newcomer = self._seconds_for(self._scheduler.last())
        accepted = (job.created_at for job in itertools.chain(self._waiting.values(), self._at_work.values()))
        oldest = max(0.0, now - min(accepted, default=now))
        return Queue(waiting, oldest, len(self._painting), newcomer)

    def _seconds_for(self, place: Place) -> float | None:
        """Seconds until a job at that place should be done; None before the first picture was measured."""
        under_way = sum(_photos(painting.job) for painting in self._painting.values())
        painted = self._pipeline.seconds_for(place.photos + under_way)
        if painted is None:
            return None
        # The engines may not be what holds jobs up: preparing or delivering may be slower.
        return round(max(painted, place.position * (self._scheduler.pace or 0.0)), 1)

    async def drain(self, grace: float) -> None:
        """Hand out no more jobs; wait up to `grace` seconds for those being painted and answered."""
        began = asyncio.get_running_loop().time()
        self._draining = True
        for task in self._idle:
            if task is not None:
                task.cancel()
        _, busy = await asyncio.wait(self._attendants.union(self._repeating.values()), timeout=grace)
        left = await self._answers.drain(grace - (asyncio.get_running_loop().time() - began))
        log.info("drained", painting=len(busy), answering=left, waiting=len(self._scheduler))

    @property
    def _staff(self) -> int:
        """Attendants that the engines keep busy; engines may join after the start, and their batches become others.

        One batch is painted while the next is prepared; more in flight would only take turns away from newcomers.
        """
        return 2 * self._pipeline.largest * self._pipeline.usable

    def _hire(self) -> None:
        for number in range(len(self._attendants), 0 if self._draining else self._staff):
            self._attendants.add(asyncio.create_task(self._attend(), name=f"attendant {number}"))

    async def _attend(self) -> None:
        me = asyncio.current_task()
        while not self._draining:
            self._idle.add(me)
            try:
                job_id = await self._scheduler.next()
            finally:
                self._idle.discard(me)
            job = self._waiting.pop(job_id, None)
            if job is None:
                continue
            await self._outlived(job, self._work(job))
            if me is not None and len(self._attendants) > self._staff:
                self._attendants.discard(me)
                return

    async def _outlived(self, job: Job, work: Awaitable[None]) -> None:
        self._at_work[job.id] = job
        try:
            await work
        except asyncio.CancelledError:  # the service stops: nothing that the job did
            self._broken_off.append(job.id)
            raise
        except Exception:  # the attendant outlives every job
            log.exception("job failed unexpectedly", job=job.id, reference=job.reference)
            self._answers.explain(job, State.FAILED, "unexpected")
        finally:
            self._at_work.pop(job.id, None)
            self._repeating.pop(job.id, None)

    async def _repeat(self, job: Job, earlier: Job) -> None:
        try:
            pictures = await self._insist(*(partial(self._store.get, key) for key in earlier.results))
        except ObjectMissing:  # wiped meanwhile
            self.line_up(job, Priority.INTERACTIVE)
            return
        (running,) = await self._insist(partial(self._jobs.advance, job.id, State.RUNNING))
        if running is None:  # cancelled meanwhile
            return
        log.info("job repeats an earlier one", job=job.id, earlier=earlier.id)
        self._metrics.repeated(job.source.platform)
        await self._keep(running, pictures, earlier.found, running.missed)

    async def _insist(self, *calls: Callable[[], Awaitable[T]]) -> list[T]:
        """What the store or the database answers to each, asked all at once."""
        return await asyncio.gather(*(store_answers(call, multiplier=self._pause) for call in calls))

    async def _work(self, job: Job) -> None:
        (running,) = await self._insist(partial(self._jobs.advance, job.id, State.RUNNING))
        if running is None:  # cancelled meanwhile
            return
        task = asyncio.create_task(self._paint(running))
        self._painting[job.id] = Painting(running, task)
        self._show(running)
        try:
            painted = await task
        except asyncio.CancelledError:
            if (me := asyncio.current_task()) is not None and me.cancelling():
                task.cancel()
                raise
            return  # the person cancelled this one job
        except NoEngine as error:  # it is painted after the next start; nobody is told
            log.warning("job put back", job=job.id, why=str(error), reference=job.reference)
            await self._insist(partial(self._jobs.put_back, job.id))
            return
        except InferenceError as error:
            log.info("job has no picture", job=job.id, code=error.code, why=str(error), reference=job.reference)
            self._answers.explain(running, State.FAILED, error.code)
            return
        finally:
            self._painting.pop(job.id, None)
            self._shown.pop(job.id, None)
        pictures = [data for portrait in painted.portraits for data in (portrait.png, portrait.original)]
        await self._keep(running, pictures, painted.found, painted.missed)

    async def _paint(self, job: Job) -> Painted:
        options = Options.from_json(job.options)

        async def paint(key: str) -> Translation:
            if isinstance(self._pipeline, Fleet):
                return await self._pipeline.paint(job, key)
            try:
                (photo,) = await self._insist(partial(self._store.get, key))
            except ObjectMissing as error:
                raise EngineFailed(f"a photo of job {job.id} is gone from the store") from error
            return await self._pipeline.translate(photo, options)

        return await paint_album(job, paint)

    async def _keep(self, job: Job, pictures: Sequence[bytes], found: int, missed: Sequence[str]) -> None:
        """Store the pictures, each followed by its original, and have them delivered."""
        keys = result_keys(job.id, len(pictures) // 2)
        types = ("image/png", "image/jpeg") * (len(pictures) // 2)
        began = time.perf_counter()
        await self._insist(*map(partial, itertools.repeat(self._store.put), keys, pictures, types))
        self._metrics.stored(time.perf_counter() - began)
        note = partial(self._jobs.advance, job.id, State.RENDERED, results=keys, found=found, missed=missed)
        (rendered,) = await self._insist(note)
        if rendered is None:  # cancelled while the pictures were stored: nobody wants them
            await self._store.delete(keys)
        else:
            self._answers.deliver(rendered, pictures)

    async def _keep_watch(self) -> None:
        """Tell people where they stand, and end what has waited too long."""
        while True:
            try:
                self._hire()
                for job_id in self._scheduler.expired():
                    self._shown.pop(job_id, None)
                    if (job := self._waiting.pop(job_id, None)) is not None:
                        self._answers.explain(job, State.EXPIRED, "expired")
                for number, job in enumerate([*self._waiting.values()]):
                    self._show(job)  # nothing, once it has left the line
                    if number % SHOWN_AT_ONCE == 0:
                        await asyncio.sleep(0)  # a thousand at once would hold up the event loop
            except Exception:  # the clerk outlives every mistake
                log.exception("the clerk stumbled")
            await asyncio.sleep(TICK)

    def _show(self, job: Job) -> None:
        progress, shown = self.progress_of(job.id), self._shown.get(job.id)
        if progress is None or (shown is not None and (shown[0] == progress or not shown[1].done())):
            return
        task = asyncio.create_task(self._answers.show(job, progress))
        self._showing.add(task)
        task.add_done_callback(self._showing.discard)
        self._shown[job.id] = (progress, task)


def _photos(job: Job) -> int:
    return max(1, len(job.stored_inputs))
