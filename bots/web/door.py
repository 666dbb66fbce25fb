"""The web as the studio sees it. Visitors ask, so nothing is sent: all that they will be told stands in the job."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable

from bots.requests import Delivery, Progress
from storage import Job, State

PLATFORM = "web"
PAINTED = frozenset({State.RENDERED, State.DELIVERED})


def decided(job: Job) -> bool:
    """Whether there are pictures, or will be none."""
    return job.state in PAINTED or job.state.ended


class _Waiting:
    """One who waits for a job, and the last that they heard of it."""

    def __init__(self) -> None:
        self.heard: Job | None = None
        self.over = asyncio.Event()

    def hear(self, job: Job) -> None:
        self.heard = job
        if decided(job):
            self.over.set()


class WebDoor:
    """Implements `bots.requests.Door`, and lets visitors wait until there is something to tell.

    `changed` has to hear of every job that changes its state: see `storage.Jobs.listen`.
    """

    platform: str = PLATFORM

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[_Waiting]] = defaultdict(set)
        self._closed = False

    async def progress(self, job: Job, progress: Progress) -> None:
        """Nothing to do: whoever asks next reads it from the studio."""

    async def deliver(self, job: Job, delivery: Delivery) -> None:
        """Returning marks the job delivered: the pictures are in the store, where the next answer links to them."""

    async def explain(self, job: Job, code: str, reference: str) -> None:
        """Nothing to do: the code stands in the job."""

    async def dismiss(self, job: Job) -> None:
        """Nothing to do: whoever asks next reads it from the job."""

    def changed(self, job: Job) -> None:
        """Tell those who wait for this job."""
        for waiting in self._waiting.get(job.id, ()):
            waiting.hear(job)

    async def outcome(self, job_id: str, seconds: float, read: Callable[[], Awaitable[Job]]) -> Job:
        """The job once it is painted or has ended, or as it is after so many seconds.

        Args:
            read: how it stands now. Asked once; what happens later is heard.
        """
        waiting = _Waiting()
        self._waiting[job_id].add(waiting)  # before it is read: what happens in between is heard
        try:
            job = await read()
            if decided(job) or self._closed:
                return job
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(waiting.over.wait(), seconds)
            return waiting.heard or job
        finally:
            self._waiting[job_id].discard(waiting)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    def close(self) -> None:
        """Nobody waits any more, now or later."""
        self._closed = True
        for everybody in self._waiting.values():
            for waiting in everybody:
                waiting.over.set()
