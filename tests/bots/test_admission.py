"""Limits hold also for what comes all at once."""

import asyncio
from collections import Counter

import pytest

from bots.requests import Refused
from storage import ObjectStore
from tests.bots.studio_parts import Held, chunks, ended, request, settings_in, studio_in

TOGETHER = 15


async def send(studio, jobs, *, photos=1):
    """Send all of them at once; returns the jobs, and how often each code was the answer instead."""
    sent = [studio.accept(job, *(chunks(b"photo") for _ in range(photos))) for job in jobs]
    answers = await asyncio.gather(*sent, return_exceptions=True)
    refused = Counter(answer.code for answer in answers if isinstance(answer, Refused))
    return [answer for answer in answers if not isinstance(answer, BaseException)], refused


async def stored(store: ObjectStore) -> int:
    return len(await store.stale("inputs/", 1e12))


@pytest.mark.parametrize(
    ("limits", "photos", "taken", "code"),
    [
        ({"limits_waiting": 3}, 1, 3, "waiting_quota"),
        ({"limits_minute": 4}, 1, 4, "over_quota"),
        ({"limits_hour": 6}, 1, 6, "over_quota"),
        ({"limits_hour": 6}, 2, 3, "over_quota"),
        ({"limits_hour": 6}, 7, 1, "over_quota"),
    ],
    ids=["waiting", "minute", "hour", "albums", "large albums"],
)
async def test_quotas_hold_for_what_comes_at_once(tmp_path, pipeline, door, limits, photos, taken, code):
    pipeline.act = lambda _: asyncio.Event().wait()  # whoever paints waits for ever
    generous = {"limits_waiting": 50, "limits_minute": 50, "limits_hour": 500}
    async with studio_in(settings_in(tmp_path, **{**generous, **limits}), pipeline, door) as (studio, database, store):
        jobs, refused = await send(studio, [request(str(n)) for n in range(TOGETHER)], photos=photos)
        assert refused == {code: TOGETHER - taken}
        assert len(await database.jobs.unfinished()) == len(jobs) == taken
        assert await stored(store) == taken * photos
        assert studio._admission._incoming == {}
        other = await studio.accept(request("another", "test:bob"), chunks(b"photo"))
        assert (await database.jobs.get(other.id)) is not None


async def test_the_queue_holds_no_more_than_it_may_of_a_crowd_that_comes_at_once(tmp_path, pipeline, door):
    pipeline.act = lambda _: asyncio.Event().wait()
    async with studio_in(settings_in(tmp_path, limits_queue=4, model_batch=1), pipeline, door) as (studio, _, store):
        jobs, refused = await send(studio, [request(str(n), f"test:{n}") for n in range(TOGETHER)])
        assert 4 <= len(jobs) <= 4 + studio._workshop._staff  # some are being painted already
        assert refused == {"queue_full": TOGETHER - len(jobs)}
        assert await stored(store) == len(jobs)
        assert studio._admission._incoming == {}


async def test_the_same_update_twice_at_once_is_one_job_also_where_only_one_is_let_in(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path, limits_waiting=1), pipeline, door) as (studio, database, _):
        jobs, refused = await send(studio, [request(), request()])
        assert jobs[0].id == jobs[1].id
        assert not refused
        await ended(database, jobs[0].id)
        assert len(door.delivered) == 1


async def test_a_job_that_is_written_down_and_not_in_line_yet_counts_once(tmp_path, pipeline, door, monkeypatch):
    pipeline.act = lambda _: asyncio.Event().wait()
    held = Held()
    async with studio_in(settings_in(tmp_path, limits_waiting=2), pipeline, door) as (studio, database, _):
        with monkeypatch.context() as patch:
            patch.setattr(database.jobs, "like", held.after(database.jobs.like))
            first = asyncio.create_task(studio.accept(request("1"), chunks(b"photo")))
            await held.begun.wait()
        second = await studio.accept(request("2"), chunks(b"another"))
        with pytest.raises(Refused) as refused:
            await studio.accept(request("3"), chunks(b"a third"))
        assert refused.value.code == "waiting_quota"
        held.go.set()
        assert {job.id for job in await database.jobs.unfinished()} == {(await first).id, second.id}


async def test_a_photo_that_is_refused_on_its_way_does_not_count(tmp_path, pipeline, door):
    settings = settings_in(tmp_path, limits_minute=1, limits_photo_bytes=1_000)
    async with studio_in(settings, pipeline, door) as (studio, _, _):
        with pytest.raises(Refused, match="more than"):
            await studio.accept(request("1"), chunks(b"x" * 1_001))
        assert await studio.accept(request("2"), chunks(b"photo"))
