"""Answers that can't be given at once: tried again while they are wanted, and not kept for ever."""

import asyncio
import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bots.answers import HELD, Answers
from bots.app import _sweep
from bots.metrics import Metrics
from inference.errors import NoFace
from storage import Database, Source, State
from tests.bots.studio_parts import RecordingDoor, chunks, ended, reached, request, settings_in, studio_in
from tests.storage.parts import HOUR, START, Clock, add_in, job


class AwayDoor(RecordingDoor):
    """Its platform is away; before the second attempt, `meanwhile` happens."""

    def __init__(self, meanwhile):
        super().__init__()
        self.tried = 0
        self._meanwhile = meanwhile

    async def deliver(self, job, delivery):
        self.tried += 1
        if self.tried == 1:
            await self._meanwhile(job)
            raise OSError("away")
        await super().deliver(job, delivery)

    async def explain(self, job, code, reference):
        await self.deliver(job, None)


async def cancel(studio, job):
    assert await studio.cancel(job.id, job.person)


async def delete(studio, job):
    assert await studio.discard(job.id, job.person)


async def forget(studio, job):
    await studio.forget(job.person)


@pytest.mark.parametrize("painted", [True, False], ids=["picture", "words"])
@pytest.mark.parametrize("way", [cancel, delete, forget])
async def test_what_is_cancelled_or_forgotten_between_two_attempts_is_not_sent(tmp_path, pipeline, way, painted):
    async def act(_photo):
        if not painted:
            raise NoFace("none found")

    pipeline.act = act
    door = AwayDoor(lambda job: way(studio, job))
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        studio._answers._pause = 0.001
        with capture_logs() as logs:
            job = await studio.accept(request(), chunks(b"photo"))
            await door.until(lambda: bool(door.dismissed))
            await studio.drain()
        left = await database.jobs.get(job.id)
        assert left is None if way is forget else left.state is State.CANCELLED
    assert door.tried == 1
    assert "job delivered" not in [entry["event"] for entry in logs]


class FloodedDoor(RecordingDoor):
    """Its chat "group" takes nothing until it is `open`."""

    def __init__(self):
        super().__init__()
        self.open = asyncio.Event()

    async def deliver(self, job, delivery):
        if job.source.chat == "group":
            await self.open.wait()
        await super().deliver(job, delivery)


async def test_a_chat_that_takes_nothing_holds_up_no_other_chat_and_no_other_door(tmp_path, pipeline, monkeypatch):
    monkeypatch.setattr("bots.answers.AT_ONCE", 8)
    flooded, other = FloodedDoor(), RecordingDoor()
    other.platform = "web"
    async with studio_in(settings_in(tmp_path), pipeline, flooded) as (studio, database, _):
        studio.open_door(other)

        async def send(number, platform, chat):
            source = Source(platform, chat, str(number), "photo")
            return await studio.accept(request(person=f"{platform}:{number}", source=source), chunks(b"%d" % number))

        jobs = [await send(number, "test", "group") for number in range(9)]
        for job in jobs:
            await reached(database, job.id, frozenset({State.RENDERED}))
        for number, platform in enumerate(("test", "web"), start=100):
            await ended(database, (await send(number, platform, "ann")).id)
        assert (len(flooded.delivered), len(other.delivered)) == (1, 1)
        flooded.open.set()
        for job in jobs:
            await ended(database, job.id)
        await studio.drain()
        assert not studio._answers._chats


async def test_an_answer_is_tried_with_the_job_as_it_is_by_then(tmp_path, pipeline):
    door = AwayDoor(lambda job: studio.remember(job.id, '{"status": 7}'))
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, _, _):
        studio._answers._pause = 0.001
        await studio.accept(request(), chunks(b"photo"))
        await door.until(lambda: bool(door.delivered))
    assert [job.reply for job, _ in door.delivered] == ['{"status": 7}']


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.RENDERED])
async def test_a_door_that_does_not_open_is_given_up_after_a_day_and_not_right_after_the_start(tmp_path, state):
    clock = Clock()
    async with Database(tmp_path / "jobs.db", clock=clock) as database:
        await add_in(database, state, "old")
        await add_in(database, state, "younger", created_at=START + HOUR)
        open_one = replace(job("open").source, platform="test")
        await add_in(database, state, "open", source=open_one)
        clock.now = START + HELD
        answers = Answers(settings_in(tmp_path, limits_deadline=60), database.jobs, None, Metrics(), clock=clock)
        answers.open_door(RecordingDoor())
        clock.now += 59
        assert await answers.give_up() == []  # it may still log in
        clock.now += 1
        [given_up] = await answers.give_up()
        assert (given_up.id, given_up.state, given_up.code) == ("old", State.FAILED, "undeliverable")
        assert [one.id for one in await database.jobs.unfinished()] == ["open", "younger"]
        clock.now += HOUR
        assert [one.id for one in await answers.give_up()] == ["younger"]


async def test_a_patient_deadline_holds_for_doors_too(tmp_path):
    clock = Clock()
    async with Database(tmp_path / "jobs.db", clock=clock) as database:
        await add_in(database, State.RENDERED)
        patient = settings_in(tmp_path, limits_deadline=2 * HELD)
        answers = Answers(patient, database.jobs, None, Metrics(), clock=clock)
        clock.now += 2 * HELD
        assert await answers.give_up() == []
        clock.now += 1
        assert [one.id for one in await answers.give_up()] == ["a"]


async def test_photos_of_a_door_that_was_turned_off_are_deleted(tmp_path, pipeline, door):
    settings = settings_in(tmp_path, limits_keep_inputs=0, model_batch=1)
    async with studio_in(settings, pipeline, None) as (studio, database, store):
        painted = await studio.accept(request("1"), chunks(b"photo"))
        await reached(database, painted.id, frozenset({State.RENDERED}))
        pipeline.act = lambda _: asyncio.Event().wait()
        jobs = [await studio.accept(request(str(n), f"test:{n}"), chunks(b"photo")) for n in range(2, 6)]
        await database._sql.query("UPDATE jobs SET created_at = ?", (time.time() - HELD - 1,))
        studio._answers._began -= HELD
        sweeper = asyncio.create_task(_sweep(settings, studio, database, store))
        for one in [painted, *jobs]:
            assert (await ended(database, one.id)).code == "undeliverable"
        async with asyncio.timeout(20):
            while await store.stale("inputs/", 1e12):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        sweeper.cancel()
        assert [studio.progress_of(one.id) for one in jobs] == [None] * 4
        studio.open_door(door)
        await studio.drain()
    assert door.delivered == door.explained == []
