"""The photos of one job, painted: of several, one that can't be painted does not spoil the others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from inference import InferenceError, Portrait, Translation
from inference.errors import NoEngine
from storage import Job

log = structlog.get_logger(__name__)

AT_ONCE = 2  # photos of one job: while one is painted the next is prepared; more would keep newcomers waiting
MOST = 30  # pictures of an album together: ten photos of three faces
MOST_ON = {"discord": 10}  # where one message carries fewer; its door may not be open yet and is not asked


@dataclass(frozen=True, slots=True)
class Painted:
    """The pictures of all photos, in order; see `storage.Job` for `found` and `missed`."""

    portraits: tuple[Portrait, ...]
    found: int
    missed: tuple[str, ...]


async def paint_album(job: Job, paint: Callable[[str], Awaitable[Translation]]) -> Painted:
    """Paint every photo that was taken in.

    Args:
        paint: paints the photo of that key.

    Raises:
        NoEngine: from then on no photo could be painted, whichever it is.
        Exception: as `paint` does for the first of them, when no photo could be painted.
    """
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(key: str) -> Translation | Exception:
        async with turns:
            try:
                return await paint(key)
            except Exception as error:  # it may be this one photo's alone
                return error

    async with asyncio.TaskGroup() as group:
        tasks = {number: group.create_task(one(key)) for number, key in enumerate(job.inputs) if key}
    outcomes = {number: task.result() for number, task in tasks.items()}
    failures = {number: outcome for number, outcome in outcomes.items() if isinstance(outcome, Exception)}
    for failure in failures.values():
        if isinstance(failure, NoEngine):
            raise failure
    if len(failures) == len(outcomes):
        raise next(iter(failures.values()))
    missed = list(job.missed)
    for number, error in failures.items():
        missed[number] = error.code if isinstance(error, InferenceError) else "unexpected"
        unforeseen = None if isinstance(error, InferenceError) else error
        log.info(
            "photo has no picture",
            job=job.id,
            photo=number + 1,
            code=missed[number],
            why=str(error),
            reference=job.reference,
            exc_info=unforeseen,
        )
    painted = [outcome for outcome in outcomes.values() if isinstance(outcome, Translation)]
    portraits = [translation.portraits for translation in painted]
    found = sum(max(translation.found, len(translation.portraits)) for translation in painted)
    most = MOST_ON.get(job.source.platform, MOST)
    return Painted(bounded(portraits, most) if len(portraits) > 1 else portraits[0], found, tuple(missed))


def bounded(photos: Sequence[tuple[Portrait, ...]], most: int) -> tuple[Portrait, ...]:
    """At most so many portraits (not fewer than there are photos), in order; the first of every photo is among them."""
    chosen: list[Portrait] = []
    for number, portraits in enumerate(photos, 1):
        room = most - len(chosen) - (len(photos) - number)
        chosen += portraits[: max(room, 0)]
    return tuple(chosen)
