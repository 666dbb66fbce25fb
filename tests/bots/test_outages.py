"""What the studio keeps through outages of the store, restarts and the end of the service."""

import asyncio

import pytest

from bots.requests import Refused, Stage
from inference.errors import NoEngine
from storage import Database, ObjectMissing, State, StorageError
from tests.bots.studio_parts import (
    SteeredPipeline,
    chunks,
    ended,
    reached,
    request,
    settings_in,
    studio_in,
)
from tests.fakes.s3 import s3_server
from tests.fakes.troubled import Trouble, troubled


async def forever(_photo):
    await asyncio.Event().wait()


class FlakyStore:
    """Fails the first reads, then behaves."""

    def __init__(self, store, failures):
        self._store, self._failures = store, failures

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def get(self, key):
        if self._failures:
            raise self._failures.pop(0)
        return await self._store.get(key)


async def test_a_store_that_does_not_answer_delays_and_loses_nothing(tmp_path, pipeline, door):
    failures = [StorageError("failed", "503"), StorageError("failed", "timeout")]
    settings = settings_in(tmp_path)
    async with studio_in(settings, pipeline, door, lambda s: FlakyStore(s, failures)) as (studio, database, _):
        studio._workshop._pause = 0.001
        job = await studio.accept(request(), chunks(b"photo"))
        assert (await ended(database, job.id)).state is State.DELIVERED
        assert failures == []


async def test_an_s3_in_every_trouble_delays_and_loses_nothing(tmp_path, pipeline, door, monkeypatch):
    monkeypatch.setattr("storage.s3.READ", 0.5)
    painting = asyncio.Event()
    pipeline.act = lambda _: painting.wait()
    with s3_server(tmp_path / "s3") as server:
        async with troubled(server.endpoint) as front:
            for name, value in {**server.environment, "AWS_ENDPOINT_URL_S3": front.address}.items():
                monkeypatch.setenv(name, value)
            settings = settings_in(tmp_path).model_copy(update={"storage_url": f"s3://{server.bucket}/selfies"})
            async with studio_in(settings, pipeline, door) as (studio, database, _):
                studio._workshop._pause = studio._answers._pause = 0.001
                front.ahead = [*Trouble]
                jobs = [await studio.accept(request(f"{n}"), chunks(b"photo %d" % n)) for n in range(3)]
                front.ahead += [*Trouble] * 2
                painting.set()
                for job in jobs:
                    assert (await ended(database, job.id, within=60)).state is State.DELIVERED
            assert front.ahead == []
    assert sorted(delivery.pictures[0].png for _, delivery in door.delivered) == [
        b"anime of photo 0",
        b"anime of photo 1",
        b"anime of photo 2",
    ]


async def test_a_photo_gone_from_the_store_is_told(tmp_path, pipeline, door):
    settings = settings_in(tmp_path)
    async with studio_in(settings, pipeline, door, lambda s: FlakyStore(s, [ObjectMissing("x")])) as (studio, db, _):
        job = await ended(db, (await studio.accept(request(), chunks(b"photo"))).id)
        assert (job.state, job.code) == (State.FAILED, "engine_failed")


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
async def test_unfinished_jobs_are_painted_after_a_restart(tmp_path, pipeline, door, state):
    hold = asyncio.Event()

    async def act(_photo):
        await hold.wait()

    pipeline.act = act
    settings = settings_in(tmp_path, limits_grace=0)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        job = await studio.accept(request(), chunks(b"photo"))
        await door.until(lambda: bool(door.shown))
        if state is State.QUEUED:
            await database.jobs.advance(job.id, State.QUEUED)
    assert door.delivered == []
    fresh = SteeredPipeline()
    async with studio_in(settings, fresh, door) as (_, database, _):
        assert (await ended(database, job.id)).state is State.DELIVERED
    assert len(door.delivered) == 1


async def test_rendered_pictures_wait_for_their_door_over_a_restart(tmp_path, pipeline, door):
    settings = settings_in(tmp_path)
    async with studio_in(settings, pipeline, None) as (studio, database, _):
        job = await studio.accept(request(), chunks(b"photo"))
        await reached(database, job.id, frozenset({State.RENDERED}))
    async with studio_in(settings, SteeredPipeline(), door) as (_, database, _):
        assert (await ended(database, job.id)).state is State.DELIVERED
    assert len(door.delivered) == 1


async def test_a_job_that_takes_the_service_down_each_time_is_given_up(tmp_path, pipeline, door):
    settings = settings_in(tmp_path)
    pipeline.act = forever
    async with studio_in(settings, pipeline, None) as (studio, database, _):
        job = await studio.accept(request(), chunks(b"photo"))
    async with Database(settings.database_path) as database:
        for _ in range(3):
            await database.jobs.advance(job.id, State.QUEUED)
            await database.jobs.advance(job.id, State.RUNNING)  # as a crash leaves it
    async with studio_in(settings, SteeredPipeline(), door) as (_, database, _):
        after = await ended(database, job.id)
    assert (after.state, after.code, after.attempts) == (State.FAILED, "engine_failed", 3)
    assert [code for _, code, _ in door.explained] == ["engine_failed"]


async def test_orderly_stops_are_not_held_against_a_job(tmp_path, pipeline, door):
    settings = settings_in(tmp_path, limits_grace=0)
    pipeline.act = forever
    async with studio_in(settings, pipeline, None) as (studio, database, _):
        job = await studio.accept(request(), chunks(b"photo"))
    for _ in range(4):
        async with studio_in(settings, pipeline, None) as (studio, database, _):
            await reached(database, job.id, frozenset({State.RUNNING}))
            await studio.drain()
    async with studio_in(settings, SteeredPipeline(), door) as (_, database, _):
        after = await ended(database, job.id)
    assert (after.state, after.attempts) == (State.DELIVERED, 1)


@pytest.mark.parametrize("photos", [1, 3])
async def test_without_an_engine_jobs_wait_for_the_next_start_and_nobody_is_told(tmp_path, pipeline, door, photos):
    tried = asyncio.Event()

    async def lose(photo):
        if photo == b"photo 0":
            tried.set()
            raise NoEngine("no card any more")

    pipeline.act = lose
    settings = settings_in(tmp_path)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        job = await studio.accept(request(), *(chunks(b"photo %d" % n) for n in range(photos)))
        await tried.wait()
        await studio.drain()
        waits = await database.jobs.get(job.id)
    assert (waits.state, waits.attempts, waits.code) == (State.QUEUED, 0, None)
    assert door.explained == door.delivered == []
    async with studio_in(settings, SteeredPipeline(), door) as (_, database, _):
        after = await ended(database, job.id)
    assert (after.state, after.attempts, after.missed) == (State.DELIVERED, 1, ("",) * photos)


async def test_who_stops_takes_nothing_in(tmp_path, pipeline):
    async with studio_in(settings_in(tmp_path), pipeline, None) as (studio, _, _):
        await studio.drain()
        with pytest.raises(Refused, match="stopping"):
            await studio.accept(request(), chunks(b"photo"))


async def test_waiting_too_long_is_told(tmp_path, pipeline, door):
    hold = asyncio.Event()

    async def act(_photo):
        await hold.wait()

    pipeline.act = act
    settings = settings_in(tmp_path, limits_deadline=0.3, model_batch=1)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        jobs = [await studio.accept(request(str(n), f"test:{n}"), chunks(b"photo")) for n in range(3)]
        late = await ended(database, jobs[2].id)
        assert (late.state, late.code) == (State.EXPIRED, "expired")
        hold.set()
        assert {(await ended(database, job.id)).state for job in jobs[:2]} == {State.DELIVERED}


async def test_drain_finishes_what_is_painted_and_keeps_what_waits(tmp_path, pipeline, door):
    hold = asyncio.Event()

    async def act(_photo):
        await hold.wait()

    pipeline.act = act
    settings = settings_in(tmp_path, model_batch=1)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        jobs = [await studio.accept(request(str(n), f"test:{n}"), chunks(b"photo")) for n in range(4)]
        await door.until(lambda: sum(p.stage is Stage.PAINTING for _, p in door.shown) == 2)
        asyncio.get_running_loop().call_later(0.05, hold.set)
        await studio.drain()
        states = [(await database.jobs.get(job.id)).state for job in jobs]
    assert states == [State.DELIVERED, State.DELIVERED, State.QUEUED, State.QUEUED]
    async with studio_in(settings, SteeredPipeline(), door) as (_, database, _):
        assert {(await ended(database, job.id)).state for job in jobs} == {State.DELIVERED}
    assert len(door.delivered) == 4
