"""The web as the studio sees it. Visitors ask, so nothing is sent: all that they will be told stands in the job."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable

from bots.requests import Delivery, Progress
from storage import Job

PLATFORM = "web"


class WebDoor:
    """Implements `bots.requests.Door`, and lets visitors wait until there is something new to tell.

    `changed` has to hear of every job that changes its state: see `storage.Jobs.listen`.
    """

    platform: str = PLATFORM

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
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
        """Wake those who wait for a change of this job."""
        for event in self._waiting.get(job.id, ()):
            event.set()

    async def moved(self, job: Job, seconds: float, read: Callable[[], Awaitable[Job]]) -> Job:
        """The job once its state is another than that of `job`, or as it is after so many seconds.

        Args:
            read: how it stands now. It is asked before and after the wait.
        """
        event = asyncio.Event()
        self._waiting[job.id].add(event)  # before it is read: a change in between is heard
        try:
            now = await read()
            if now.state is not job.state or self._closed:
                return now
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
            return await read()
        finally:
            self._waiting[job.id].discard(event)
            if not self._waiting[job.id]:
                del self._waiting[job.id]

    def close(self) -> None:
        """Nobody waits any more, now or later."""
        self._closed = True
        for events in self._waiting.values():
            for event in events:
                event.set()
