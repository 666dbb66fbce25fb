"""What is deleted, and when: by age, and when a person says so.

Objects go first and rows after, so that whatever cuts it short, doing it again finishes it.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from storage.database import Database
from storage.jobs import Job, Jobs, State
from storage.keys import INPUTS, RESULTS, handed_over, job_of
from storage.objects import ObjectStore

# A platform repeats an update for up to a day (https://core.telegram.org/bots/api#getting-updates): its row must be
# there to say that it was answered. The hourly quota is counted from rows, too.
_KEEP_ROWS = 86_400.0
# A mail is tried for a day after its job ended (bots/postman.py). Whatever became of the postman, addresses go then.
_KEEP_ADDRESSES = 90_000.0
# What a door confirmed is dealt with in seconds, or soon after the next start. After a day nobody waits for an answer.
_KEEP_ARRIVALS = 86_400.0
# An object is written before its row: one without a row is only abandoned when it isn't brand new.
_ABANDONED_AFTER = 3_600.0
# What is older than the database itself is, as a rule, another's: somebody put back the wrong one, or none.
_KEEP_OLDER = 86_400.0
_BATCH = 500  # jobs at a time: the event loop and the database stay free for people in between


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep deleted: photos and pictures of jobs (objects), jobs (rows), objects that no job knows.

    And what it spared: such objects as are older than the database, for the first day of that one.
    """

    photos: int
    pictures: int
    jobs: int
    abandoned: int
    spared: int = 0


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was wiped of a person.

    Args:
        jobs: rows.
        photos, pictures: objects.
        settings: whether their language or settings were remembered.
        blocked: whether a block stays. Beside it only a pause does, until it is over.
    """

    jobs: int
    photos: int
    pictures: int
    settings: bool
    blocked: bool


async def sweep(
    database: Database,
    store: ObjectStore,
    *,
    keep_inputs: float,
    keep_results: float,
    now: float,
    thorough: bool = True,
) -> Swept:
    """Delete what is past its time; idempotent.

    Args:
        keep_inputs: seconds that photos are kept after their job ended.
        keep_results: seconds that pictures are kept after their job ended; its row stays for a day at least.
        now: unix seconds.
        thorough: look through all stored pictures, too, for those that no job knows. They are rare and the look is
            long (it lists every one), so once a day is enough.
    """
    await database.mails.give_up(now - _KEEP_ADDRESSES)
    await database.arrivals.give_up(now - _KEEP_ARRIVALS)
    await database.people.end_pauses(now)
    photos = await _sweep_photos(database.jobs, store, now - keep_inputs)
    pictures = await _sweep_pictures(database.jobs, store, now - keep_results)
    jobs = 0
    while removed := await database.jobs.remove_empty(now - max(keep_results, _KEEP_ROWS), limit=_BATCH):
        jobs += removed
    made, abandoned, spared = await database.made_at(), 0, 0
    for prefix in (INPUTS, RESULTS) if thorough else (INPUTS,):
        found = await _abandoned(database.jobs, store, prefix, now - _ABANDONED_AFTER)
        older = set(await store.stale(prefix, made)) if found and now - made < _KEEP_OLDER else set()
        await store.delete([key for key in found if key not in older])
        spared += len(older.intersection(found))
        abandoned += len(found)
    return Swept(photos, pictures, jobs, abandoned - spared, spared)


async def _sweep_photos(jobs: Jobs, store: ObjectStore, before: float) -> int:
    photos: set[str] = set()
    while old := await jobs.with_old_inputs(before, limit=_BATCH):
        keys = {key for job in old for key in job.stored_inputs}
        await store.delete(sorted(keys))
        await jobs.inputs_wiped(job.id for job in old)
        photos |= keys
    return len(photos)


async def _sweep_pictures(jobs: Jobs, store: ObjectStore, before: float) -> int:
    pictures = 0
    while old := await jobs.with_old_results(before, limit=_BATCH):
        keys = [key for job in old for key in job.results]
        await store.delete(keys)
        await jobs.results_wiped(job.id for job in old)
        pictures += len(keys)
    return pictures


async def forget(database: Database, store: ObjectStore, person: str) -> Forgotten:
    """Wipe a person's rows and objects. Their unfinished jobs are cancelled first; idempotent.

    Whoever holds one of those jobs sees `advance` return None, and deletes what it put meanwhile; failing that, the
    next sweep does.

    Args:
        person: `platform:id`.
    """
    await database.arrivals.forget(person)  # first: no job is made of them while the others are wiped
    wiped = await _wipe(database.jobs, store, lambda: database.jobs.of(person))
    settings = await database.people.forget(person)
    await database.broadcasts.forget(person)
    blocked = (await database.people.get(person)).blocked
    return replace(wiped, settings=settings, blocked=blocked)


async def forget_job(database: Database, store: ObjectStore, job_id: str) -> Forgotten:
    """Wipe one job of a person who was forgotten while it was written down; as `forget`."""

    async def jobs() -> list[Job]:
        found = await database.jobs.get(job_id)
        return [] if found is None else [found]

    return await _wipe(database.jobs, store, jobs)


async def forget_mailbox(database: Database, store: ObjectStore, digest: str) -> Forgotten:
    """Wipe all jobs whose results were mailed, or are to be, to the address of this digest, with their mails.

    As `forget`, which it leaves alone: whoever typed the address in may have sent other photos.
    """

    async def jobs() -> list[Job]:
        found = [await database.jobs.get(job_id) for job_id in await database.mails.jobs_for(digest)]
        return [job for job in found if job is not None]

    return await _wipe(database.jobs, store, jobs)


async def _wipe(jobs: Jobs, store: ObjectStore, find: Callable[[], Awaitable[list[Job]]]) -> Forgotten:
    photos: set[str] = set()
    pictures: set[str] = set()
    ids: set[str] = set()
    while found := await find():  # again: a photo may arrive while older ones are wiped
        for job in found:
            if not job.state.ended:
                await jobs.advance(job.id, State.CANCELLED)
                pictures.update(await store.stale(f"{RESULTS}{job.id}/", math.inf))  # stored, not yet in the row
        found = await find()
        photos.update(key for job in found for key in job.stored_inputs)
        pictures.update(key for job in found for key in job.results)
        await store.delete(sorted(photos | pictures))
        await jobs.remove(job.id for job in found)
        ids.update(job.id for job in found)
    return Forgotten(len(ids), len(photos), len(pictures), settings=False, blocked=False)


async def _abandoned(jobs: Jobs, store: ObjectStore, prefix: str, before: float) -> list[str]:
    """Objects that no row leads to: a crash came between the two, or the row was wiped while they were made."""
    keys = await store.stale(prefix, before)
    known = await jobs.known({job_of(key) for key in keys})
    return [key for key in keys if job_of(key) not in known or handed_over(key)]
