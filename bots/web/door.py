"""The web as the studio sees it. Visitors poll, so nothing is sent; what they will ask for is noted beside the job."""

from collections.abc import Awaitable, Callable

from bots.requests import Delivery, Progress
from bots.web.note import Note
from storage import Job

PLATFORM = "web"


class WebDoor:
    """Implements `bots.requests.Door`.

    Args:
        remember: stores a job's note, as `Studio.remember(job_id, reply)` does.
    """

    platform: str = PLATFORM

    def __init__(self, remember: Callable[[str, str], Awaitable[None]]) -> None:
        self._remember = remember

    async def progress(self, job: Job, progress: Progress) -> None:
        """Nothing to do: the next poll reads it from the studio."""

    async def deliver(self, job: Job, delivery: Delivery) -> None:
        """Returning marks the job delivered: the pictures are in the store, where the next poll links to them."""
        await self._remember(job.id, Note(found=delivery.found).to_json())

    async def explain(self, job: Job, code: str, reference: str) -> None:
        """The code stands in the job itself; the reference would be lost."""
        await self._remember(job.id, Note(reference=reference).to_json())

    async def dismiss(self, job: Job) -> None:
        """Nothing to do: the next poll reads it from the job."""
