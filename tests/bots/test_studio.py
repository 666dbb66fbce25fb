"""The studio: takes in, refuses, paints, answers once, and survives what goes wrong."""

import asyncio
import time

import pytest

from bots.requests import Refused, Stage, Undeliverable
from inference import Crop, Options
from inference.errors import NoFace
from storage import ObjectMissing, Source, State
from tests.bots.studio_parts import (
    chunks,
    ended,
    reached,
    request,
    settings_in,
    studio_in,
)


async def test_a_photo_is_painted_and_delivered(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        job = await studio.accept(request(), chunks(b"pho", b"to"))
        assert job.state is State.QUEUED
        done = await ended(database, job.id)
        assert done.state is State.DELIVERED
        [(told, delivery)] = door.delivered
        assert told.id == job.id
        assert delivery.pictures[0].png == b"anime of photo"
        assert delivery.pictures[0].original == b"crop of photo"
        assert await store.get(done.results[0]) == b"anime of photo"


async def test_the_same_source_again_is_not_painted_twice(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        first = await studio.accept(request(), chunks(b"photo"))
        again = await studio.accept(request(), chunks(b"never read"))
        assert again.id == first.id
        await ended(database, first.id)
        after = await studio.accept(request(), chunks(b"never read"))
        assert after.state is State.DELIVERED
        assert pipeline.painted == [b"photo"]
        assert len(door.delivered) == 1


async def test_the_same_source_at_the_same_moment_is_painted_once(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        both = await asyncio.gather(*(studio.accept(request(), chunks(b"photo")) for _ in range(2)))
        assert both[0].id == both[1].id
        await ended(database, both[0].id)
        assert pipeline.painted == [b"photo"]


async def test_no_face_is_said_and_ends_the_job(tmp_path, pipeline, door):
    async def act(_photo):
        raise NoFace("none found")

    pipeline.act = act
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        job = await ended(database, (await studio.accept(request(), chunks(b"photo"))).id)
        assert (job.state, job.code) == (State.FAILED, "no_face")
        assert [code for _, code, _ in door.explained] == ["no_face"]


async def test_an_unexpected_failure_is_told_with_a_reference_and_the_next_job_goes_on(tmp_path, pipeline, door):
    async def act(photo):
        if photo == b"bad":
            raise RuntimeError("secret detail")

    pipeline.act = act
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        bad = await ended(database, (await studio.accept(request("1"), chunks(b"bad"))).id)
        good = await ended(database, (await studio.accept(request("2"), chunks(b"good"))).id)
        assert (bad.state, bad.code, good.state) == (State.FAILED, "unexpected", State.DELIVERED)
        [(_, code, reference)] = door.explained
        assert code == "unexpected"
        assert bad.id.startswith(reference)


@pytest.mark.parametrize(
    ("limits", "declared", "parts", "code"),
    [
        ({"limits_photo_bytes": 1000}, 1001, (b"",), "photo_too_large"),
        ({"limits_photo_bytes": 1000}, None, (b"x" * 600, b"x" * 600), "photo_too_large"),
        ({}, None, (), "unreadable"),
    ],
)
async def test_a_photo_of_the_wrong_size_is_refused(tmp_path, pipeline, door, limits, declared, parts, code):
    async with studio_in(settings_in(tmp_path, **limits), pipeline, door) as (studio, database, _):
        with pytest.raises(Refused) as refused:
            await studio.accept(request(declared_size=declared), chunks(*parts))
        assert refused.value.code == code
        assert await database.jobs.unfinished() == []


async def test_what_ends_the_intake_of_several_photos_leaves_none_behind(tmp_path, pipeline, door):
    async def broken():
        raise RuntimeError("nobody foresaw this")
        yield b""

    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, _, store):
        with pytest.raises(RuntimeError):
            await studio.accept(request(), chunks(b"one"), chunks(b""), chunks(b"two"), broken())
        assert await store.stale("inputs/", time.time() + 60) == []


async def test_several_photos_are_one_job_and_a_bad_one_spoils_nothing(tmp_path, pipeline, door):
    async def act(photo):
        if photo == b"nobody":
            raise NoFace("none found")

    pipeline.act = act
    async with studio_in(settings_in(tmp_path, limits_photo_bytes=1_000), pipeline, door) as (studio, database, store):
        photos = [b"one", b"x" * 1_001, b"nobody", b"", b"two"]
        job = await studio.accept(request(), *(chunks(photo) for photo in photos))
        done = await ended(database, job.id)
        [(_, delivery)] = door.delivered
        assert [picture.png for picture in delivery.pictures] == [b"anime of one", b"anime of two"]
        assert delivery.missed == done.missed == ("", "photo_too_large", "no_face", "unreadable", "")
        assert delivery.found == 2
        assert [await store.get(key) for key in done.stored_inputs] == [b"one", b"nobody", b"two"]

        pipeline.act = None
        source = Source("test", "chat", "press 1", "wider")
        again = await studio.repaint(job.id, "test:ann", Options(crop=Crop.WIDE), source, reply="{}", language="en")
        assert again.missed == ("", "photo_too_large", "", "unreadable", "")
        assert len((await ended(database, again.id)).results) == 6
        assert await studio.discard(job.id, "test:ann")
        assert await store.get(again.stored_inputs[2]) == b"two"
        assert await studio.discard(again.id, "test:ann")
        assert await store.stale("inputs/", 1e12) == []


async def test_of_several_photos_none_can_be_taken(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path, limits_photo_bytes=1_000), pipeline, door) as (studio, database, _):
        with pytest.raises(Refused) as refused:
            await studio.accept(request(), chunks(b"x" * 1_001), chunks(b""))
        assert refused.value.code == "photo_too_large"
        assert await database.jobs.unfinished() == []


async def test_of_several_photos_none_can_be_painted(tmp_path, pipeline, door):
    async def act(_photo):
        raise NoFace("none found")

    pipeline.act = act
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        done = await ended(database, (await studio.accept(request(), chunks(b"one"), chunks(b"two"))).id)
        assert (done.state, done.code) == (State.FAILED, "no_face")
        assert [code for _, code, _ in door.explained] == ["no_face"]
        assert door.delivered == []


async def test_the_same_album_at_the_same_moment_is_painted_once(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        photos = (b"one", b"two")
        both = await asyncio.gather(*(studio.accept(request(), *(chunks(photo) for photo in photos)) for _ in range(2)))
        assert both[0].id == both[1].id
        done = await ended(database, both[0].id)
        assert sorted(pipeline.painted) == [*photos]
        assert sorted(await store.stale("inputs/", 1e12)) == [*done.inputs]


async def test_cancelling_an_album_stops_all_of_it(tmp_path, pipeline, door):
    hold = asyncio.Event()

    async def act(_photo):
        await hold.wait()

    pipeline.act = act
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        job = await studio.accept(request(), *(chunks(b"photo") for _ in range(4)))
        await reached(database, job.id, frozenset({State.RUNNING}))
        assert await studio.cancel(job.id, "test:ann")
        hold.set()
        assert (await ended(database, job.id)).state is State.CANCELLED
        other = await ended(database, (await studio.accept(request("2"), chunks(b"other"))).id)
        assert other.state is State.DELIVERED
        assert pipeline.painted == [b"other"]


async def test_an_hours_quota_counts_photos_and_lets_one_large_album_through(tmp_path, pipeline, door):
    settings = settings_in(tmp_path, limits_hour=3)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        four = [chunks(b"photo") for _ in range(4)]
        await ended(database, (await studio.accept(request("1"), *four)).id)
        with pytest.raises(Refused) as refused:
            await studio.accept(request("2"), chunks(b"photo"))
        assert refused.value.code == "over_quota"
        assert 3_500 < refused.value.retry_at - time.time() <= 3_600
        bob = [await studio.accept(request("3", person="test:bob"), chunks(b"photo"), chunks(b"photo"))]
        with pytest.raises(Refused):
            await studio.accept(request("4", person="test:bob"), chunks(b"photo"), chunks(b"photo"))
        bob.append(await studio.accept(request("5", person="test:bob"), chunks(b"photo")))
        assert [(await ended(database, job.id)).state for job in bob] == [State.DELIVERED] * 2


async def test_quotas_hold_and_say_when(tmp_path, pipeline, door):
    settings = settings_in(tmp_path, limits_minute=2)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        for n in range(2):
            await ended(database, (await studio.accept(request(str(n)), chunks(b"photo"))).id)
        with pytest.raises(Refused) as refused:
            await studio.accept(request("3"), chunks(b"photo"))
        assert refused.value.code == "over_quota"
        assert 50 < refused.value.retry_at - time.time() <= 60
        other = await studio.accept(request("4", person="test:bob"), chunks(b"photo"))
        assert (await ended(database, other.id)).state is State.DELIVERED


async def test_waiting_quota_counts_photos_still_coming_in(tmp_path, pipeline, door):
    coming, gate = asyncio.Event(), asyncio.Event()

    async def slowly():
        coming.set()
        await gate.wait()
        yield b"photo"

    async with studio_in(settings_in(tmp_path, limits_waiting=1), pipeline, door) as (studio, _, _):
        first = asyncio.create_task(studio.accept(request("1"), slowly()))
        await coming.wait()
        with pytest.raises(Refused) as refused:
            await studio.accept(request("2"), chunks(b"photo"))
        assert refused.value.code == "waiting_quota"
        gate.set()
        await first


async def test_a_blocked_person_is_refused(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        await database.people.block("test:ann", True)
        with pytest.raises(Refused) as refused:
            await studio.accept(request(), chunks(b"photo"))
        assert refused.value.code == "blocked"


async def test_a_full_queue_refuses_with_a_time(tmp_path, pipeline, door):
    hold = asyncio.Event()

    async def act(_photo):
        await hold.wait()

    pipeline.act = act
    settings = settings_in(tmp_path, limits_queue=1, model_batch=1)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        jobs = [await studio.accept(request(str(n), f"test:{n}"), chunks(b"photo")) for n in range(2)]
        await door.until(lambda: sum(p.stage is Stage.PAINTING for _, p in door.shown) == 2)  # both attendants busy
        jobs.append(await studio.accept(request("w", "test:w"), chunks(b"photo")))
        with pytest.raises(Refused) as refused:
            await studio.accept(request("x", "test:x"), chunks(b"photo"))
        assert refused.value.code == "queue_full"
        assert refused.value.retry_at > time.time()
        assert studio.progress_of(jobs[-1].id).position == 1
        hold.set()
        assert {(await ended(database, job.id)).state for job in jobs} == {State.DELIVERED}


async def test_only_the_owner_cancels_and_nothing_is_sent(tmp_path, pipeline, door):
    hold = asyncio.Event()

    async def act(_photo):
        await hold.wait()

    pipeline.act = act
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        job = await studio.accept(request(), chunks(b"photo"))
        await door.until(lambda: bool(door.shown))
        assert not await studio.cancel(job.id, "test:eve")
        assert await studio.cancel(job.id, "test:ann")
        assert not await studio.cancel(job.id, "test:ann")
        hold.set()
        assert (await ended(database, job.id)).state is State.CANCELLED
        assert pipeline.painted == []
        await door.until(lambda: bool(door.dismissed))
        assert [dismissed.id for dismissed in door.dismissed] == [job.id]
        assert door.delivered == door.explained == []


async def test_a_door_that_fails_is_tried_again(tmp_path, pipeline, door):
    door.failures = [OSError("flood"), OSError("flood")]
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        studio._answers._pause = 0.001
        job = await studio.accept(request(), chunks(b"photo"))
        assert (await ended(database, job.id)).state is State.DELIVERED
        assert len(door.delivered) == 1


async def test_nobody_there_ends_the_job_quietly(tmp_path, pipeline, door):
    door.failures = [Undeliverable("blocked by the person")]
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        job = await ended(database, (await studio.accept(request(), chunks(b"photo"))).id)
        assert (job.state, job.code) == (State.FAILED, "undeliverable")
        assert door.explained == []


async def test_a_photo_is_painted_again_with_other_options(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        first = await ended(database, (await studio.accept(request(), chunks(b"photo"))).id)
        source = Source("test", "chat", "press 1", "wider")
        wide = Options(crop=Crop.WIDE)
        again = await studio.repaint(first.id, "test:ann", wide, source, reply="{}", language="en")
        once_more = await studio.repaint(first.id, "test:ann", wide, source, reply="{}", language="en")
        assert once_more.id == again.id
        assert (await ended(database, again.id)).state is State.DELIVERED
        assert pipeline.painted == [b"photo", b"photo"]
        assert Options.from_json(again.options) == wide

        assert await studio.discard(first.id, "test:ann")
        assert await studio.pictures(await database.jobs.get(first.id)) == ()
        assert await store.get(again.inputs[0]) == b"photo"  # the other job is made from it, too
        assert len(await studio.pictures(await database.jobs.get(again.id))) == 1
        assert await studio.discard(again.id, "test:ann")
        with pytest.raises(ObjectMissing):
            await store.get(again.inputs[0])


async def test_only_the_owner_repaints_and_discards(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        job = await ended(database, (await studio.accept(request(), chunks(b"photo"))).id)
        source = Source("test", "chat", "press 1", "wider")
        for job_id, person in ((job.id, "test:eve"), ("unknown", "test:ann")):
            with pytest.raises(Refused) as refused:
                await studio.repaint(job_id, person, Options(), source, reply="{}", language="en")
            assert refused.value.code == "photo_gone"
            assert not await studio.discard(job_id, person)
        assert len(await studio.pictures(job)) == 1


async def test_forgetting_stops_what_is_under_way(tmp_path, pipeline, door):
    hold = asyncio.Event()

    async def act(_photo):
        await hold.wait()

    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        await ended(database, (await studio.accept(request("1"), chunks(b"photo"))).id)
        pipeline.act = act
        job = await studio.accept(request("2"), chunks(b"another"))
        await reached(database, job.id, frozenset({State.RUNNING}))
        other = await studio.accept(request("3", person="test:bob"), chunks(b"of bob"))
        forgotten = await studio.forget("test:ann")
        assert (forgotten.jobs, forgotten.photos, forgotten.pictures) == (2, 2, 2)
        await door.until(lambda: [dismissed.id for dismissed in door.dismissed] == [job.id])
        hold.set()
        await ended(database, other.id)
        assert await store.stale("inputs/", 1e12) == [*other.inputs]
        assert len(door.delivered) == 2


async def test_signatures_outlive_a_restart_and_are_for_one_purpose(tmp_path, pipeline, door):
    settings = settings_in(tmp_path)
    async with studio_in(settings, pipeline, door) as (studio, _, _):
        signature = studio.sign("button", "cancel:1")
    async with studio_in(settings, pipeline, door) as (studio, _, _):
        assert studio.verify("button", "cancel:1", signature)
        assert not studio.verify("button", "cancel:2", signature)
        assert not studio.verify("link", "cancel:1", signature)
        assert not studio.verify("button", "cancel:1", "")


async def test_what_is_cancelled_or_forgotten_before_its_door_opens_is_not_delivered(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, None) as (studio, database, _):
        jobs = [await studio.accept(request(str(n), f"test:{n}"), chunks(b"photo")) for n in range(3)]
        for job in jobs:
            await reached(database, job.id, frozenset({State.RENDERED}))
        assert await studio.discard(jobs[0].id, "test:0")
        await studio.forget("test:1")
        studio.open_door(door)
        assert (await ended(database, jobs[2].id)).state is State.DELIVERED
        assert (await ended(database, jobs[0].id)).state is State.CANCELLED
        assert [job.id for job, _ in door.delivered] == [jobs[2].id]
        assert door.explained == []


async def test_what_was_just_painted_is_not_fetched_to_be_sent(tmp_path, pipeline, door):
    fetched = []

    class Watched:
        def __init__(self, store):
            self._store = store

        def __getattr__(self, name):
            return getattr(self._store, name)

        async def get(self, key):
            fetched.append(key)
            return await self._store.get(key)

    async with studio_in(settings_in(tmp_path), pipeline, door, Watched) as (studio, database, _):
        done = await ended(database, (await studio.accept(request(), chunks(b"photo"))).id)
        assert fetched == list(done.stored_inputs)
        assert door.delivered[0][1].pictures[0].png == b"anime of photo"
