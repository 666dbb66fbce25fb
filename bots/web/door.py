"""The web as the studio sees it. Visitors poll, so nothing is sent: all that they will ask for stands in the job."""

from bots.requests import Delivery, Progress
from storage import Job

PLATFORM = "web"


class WebDoor:
    """Implements `bots.requests.Door`."""

    platform: str = PLATFORM

    async def progress(self, job: Job, progress: Progress) -> None:
        """Nothing to do: the next poll reads it from the studio."""

    async def deliver(self, job: Job, delivery: Delivery) -> None:
        """Returning marks the job delivered: the pictures are in the store, where the next poll links to them."""

    async def explain(self, job: Job, code: str, reference: str) -> None:
        """Nothing to do: the code stands in the job."""

    async def dismiss(self, job: Job) -> None:
        """Nothing to do: the next poll reads it from the job."""
