"""Answering people: pictures, or why there is none, through the door they came in by, until it worked."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from enum import Enum, auto
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_delay, wait_random_exponential

from bots.metrics import Metrics
from bots.patience import LONGEST_PAUSE, store_answers
from bots.requests import Delivery, Door, Picture, Progress, Undeliverable
from config import Settings
from storage import Job, Jobs, ObjectMissing, ObjectStore, State

log = structlog.get_logger(__name__)

AT_ONCE = 256  # answers under way
IN_CHAT = 4  # of them in one chat: those that wait for a flooded one leave room for all others
HELD = 86_400.0  # seconds that jobs are kept for a door that is not open, at least: it may only be unable to log in


class _Outcome(Enum):
    """What became of an answer."""

    SENT = auto()
    HOPELESS = auto()
    UNWANTED = auto()  # the job was cancelled or forgotten, which is its end


class Answers:
    """Sends answers in the background and keeps those whose door is not open yet."""

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        store: ObjectStore,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
        pause: float = 1.0,
    ) -> None:
        self._gives_up_after = settings.limits_deadline
        self._began = clock()
        self._jobs = jobs
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._pause = pause
        self._doors: dict[str, Door] = {}
        self._held: defaultdict[str, list[Callable[[], Coroutine[Any, Any, None]]]] = defaultdict(list)
        self._under_way: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._chats: WeakValueDictionary[tuple[str, str], asyncio.Semaphore] = WeakValueDictionary()

    def open_door(self, door: Door) -> None:
        """From now on `door` answers for its platform; what waited for it goes out."""
        self._doors[door.platform] = door
        for answer in self._held.pop(door.platform, []):
            self._spawn(answer())

    def deliver(self, job: Job, pictures: Sequence[bytes] = ()) -> None:
        """Send the pictures of a rendered job, then mark it delivered.

        Args:
            pictures: what `job.results` name, for whoever has it at hand; else it is fetched from the store.
        """
        at_hand = pictures if job.source.platform in self._doors else ()  # nobody knows when a door opens
        self._start(job, partial(self._deliver, job, at_hand))

    def explain(self, job: Job, end: State, code: str) -> None:
        """Say why there is no picture, then end the job so."""
        self._start(job, partial(self._explain, job, end, code))

    def dismiss(self, job: Job) -> None:
        """Take away what is shown of a cancelled job. Without a door nothing is shown."""
        if job.source.platform in self._doors:
            self._spawn(self._dismiss(job))

    async def show(self, job: Job, progress: Progress) -> None:
        """Show where a job stands. A failure is logged and no more: it is a courtesy."""
        door = self._doors.get(job.source.platform)
        if door is None:
            return
        try:
            await door.progress(job, progress)
        except Exception:
            log.exception("progress not shown", job=job.id)

    async def give_up(self) -> list[Job]:
        """End old jobs whose door is not open, since one that is turned off opens no more; returns them.

        What has not ended is never deleted. A door gets as long from the start as an open one has for an answer.
        """
        if self._clock() < self._began + self._gives_up_after:
            return []
        before = self._clock() - max(HELD, self._gives_up_after)
        given_up = []
        for job in await self._jobs.unfinished():
            if job.created_at >= before or job.source.platform in self._doors:
                continue
            ended = await self._jobs.advance(job.id, State.FAILED, code="undeliverable")
            if ended is not None:
                log.info("nobody to answer", job=job.id, why=f"the door of {job.source.platform} is not open")
                given_up.append(ended)
        return given_up

    async def drain(self, grace: float) -> int:
        """Wait up to `grace` seconds for answers under way; returns how many are left."""
        ends = asyncio.get_running_loop().time() + grace
        while self._under_way and (left := ends - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._under_way, timeout=left)
        return len(self._under_way)

    async def close(self) -> None:
        """Leave off; what was not sent is in the database and goes out after the next start."""
        tasks = [*self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, job: Job, answer: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if job.source.platform in self._doors:
            self._spawn(answer())
        else:
            self._held[job.source.platform].append(answer)

    def _spawn(self, answer: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(answer)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("answer failed; it goes out after the next start", error=repr(error), exc_info=error)

    async def _deliver(self, rendered: Job, data: Sequence[bytes]) -> None:
        job = await self._wanted(rendered)
        if job is None:
            return
        get = self._store.get
        try:
            data = data or [await store_answers(partial(get, key), multiplier=self._pause) for key in job.results]
        except ObjectMissing:
            log.error("results gone before delivery", job=job.id, reference=job.reference)
            await self._explain(job, State.FAILED, "unexpected")
            return
        pictures = tuple(Picture(png, original) for png, original in zip(data[::2], data[1::2], strict=True))
        delivery = Delivery(pictures, max(job.found, len(pictures)), job.missed)
        outcome = await self._insist(job, lambda door, job: door.deliver(job, delivery))
        if outcome is _Outcome.SENT:
            await self._end(job, State.DELIVERED)
            log.info("job delivered", job=job.id, seconds=round(self._clock() - job.created_at, 2))
        elif outcome is _Outcome.HOPELESS:
            await self._end(job, State.FAILED, "undeliverable")

    async def _explain(self, job: Job, end: State, code: str) -> None:
        # Told first, then ended: a crash in between tells it again, and never leaves a person without an answer.
        outcome = await self._insist(job, lambda door, job: door.explain(job, code, job.reference))
        if outcome is not _Outcome.UNWANTED:
            await self._end(job, end, code)

    async def _wanted(self, job: Job) -> Job | None:
        """The job as it is at this moment; None when it was cancelled or forgotten meanwhile."""
        now = await store_answers(partial(self._jobs.get, job.id), multiplier=self._pause)
        return None if now is None or now.state.ended else now

    async def _end(self, job: Job, end: State, code: str | None = None) -> None:
        """Write down that a job is answered, when the disk has room again if it has none: else it would be twice."""
        await store_answers(partial(self._jobs.advance, job.id, end, code=code), multiplier=self._pause)

    async def _dismiss(self, job: Job) -> None:
        job = await self._jobs.get(job.id) or job  # the door may have noted its status message since
        try:
            async with self._slot(job):
                await self._doors[job.source.platform].dismiss(job)
        except Exception:  # whatever a platform's SDK raises
            log.exception("status not taken away", job=job.id)

    @asynccontextmanager
    async def _slot(self, job: Job) -> AsyncIterator[None]:
        chat = job.source.platform, job.source.chat
        async with self._chats.setdefault(chat, asyncio.Semaphore(IN_CHAT)), self._slots:
            yield

    async def _insist(self, job: Job, send: Callable[[Door, Job], Awaitable[None]]) -> _Outcome:
        """Send through the job's door until it worked, or is hopeless, or nobody wants it any more.

        Args:
            send: is given the job as it is at that moment: the door may have noted its status message since.
        """

        def note(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            self._metrics.answer_retried(job.source.platform)
            log.warning("answer failed, trying again", job=job.id, attempt=state.attempt_number, error=repr(error))

        retries = AsyncRetrying(
            retry=retry_if_exception(lambda e: isinstance(e, Exception) and not isinstance(e, Undeliverable)),
            wait=wait_random_exponential(multiplier=self._pause, max=LONGEST_PAUSE),
            stop=stop_after_delay(self._gives_up_after),
            before_sleep=note,
            reraise=True,
        )
        try:
            async for attempt in retries:
                with attempt:
                    async with self._slot(job):
                        now = await self._wanted(job)  # each time: an outage leaves time to cancel or to forget
                        if now is None:
                            return _Outcome.UNWANTED
                        await send(self._doors[job.source.platform], now)
        except Undeliverable as error:
            log.info("nobody to answer", job=job.id, why=str(error))
            return _Outcome.HOPELESS
        except Exception:  # whatever a platform's SDK raises
            log.exception("answer given up", job=job.id, reference=job.reference)
            return _Outcome.HOPELESS
        return _Outcome.SENT
