"""Whoever has everything of theirs wiped keeps nothing here, not even what is just coming in."""

import asyncio

import pytest

from bots.requests import Refused
from inference import Crop, Options
from storage import Source
from tests.bots.studio_parts import Held, chunks, ended, request, settings_in, studio_in

ANN, BOB = "test:ann", "test:bob"


async def test_a_photo_on_its_way_in_is_wiped_when_it_is_there(tmp_path, pipeline, door):
    ann, bob = Held(), Held()
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        coming = asyncio.create_task(studio.accept(request("1"), ann.chunks()))
        other = asyncio.create_task(studio.accept(request("2", BOB), bob.chunks()))
        await asyncio.gather(ann.begun.wait(), bob.begun.wait())
        await studio.forget(ANN)
        ann.go.set()
        bob.go.set()
        with pytest.raises(Refused) as refused:
            await coming
        assert refused.value.code == "photo_gone"
        assert await database.jobs.of(ANN) == []
        done = await ended(database, (await other).id)
        assert await store.stale("inputs/", 1e12) == [*done.inputs]
        assert [job.id for job, _ in door.delivered] == [done.id]
        assert studio._restraint.spent(ANN)[0] == 1, "wiping is no way to a fresh quota"


async def test_a_photo_whose_row_is_just_written_is_wiped_and_counts_once(tmp_path, pipeline, door, monkeypatch):
    held = Held()
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        monkeypatch.setattr(database.jobs, "like", held.after(database.jobs.like))
        coming = asyncio.create_task(studio.accept(request("1"), chunks(b"photo")))
        await held.begun.wait()
        assert (await studio.forget(ANN)).photos == 1
        held.go.set()
        with pytest.raises(Refused):
            await coming
        assert await database.jobs.of(ANN) == []
        assert await store.stale("inputs/", 1e12) == []
        assert studio._restraint.spent(ANN)[0] == 1


async def test_a_second_tap_finds_nothing_and_counts_nothing(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        for n in range(3):
            await ended(database, (await studio.accept(request(str(n)), chunks(b"photo %d" % n))).id)
        taps = await asyncio.gather(studio.forget(ANN), studio.forget(ANN))
        assert [tap.photos for tap in taps] == [3, 0]
        assert studio._restraint.spent(ANN)[0] == 3
        assert not studio._admission._forgetting


async def test_what_is_sent_after_that_is_painted(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        await studio.forget(ANN)
        job = await ended(database, (await studio.accept(request("1"), chunks(b"photo"))).id)
        assert [told.id for told, _ in door.delivered] == [job.id]


async def test_what_is_sent_while_the_rest_is_wiped_is_painted_after_that(tmp_path, pipeline, door, monkeypatch):
    held = Held()
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        await ended(database, (await studio.accept(request("1"), chunks(b"photo"))).id)
        delete = store.delete

        async def slow(keys):
            await held.wait()
            await delete(keys)

        monkeypatch.setattr(store, "delete", slow)
        forgetting = asyncio.create_task(studio.forget(ANN))
        await held.begun.wait()
        other = await studio.accept(request("2", BOB), chunks(b"his"))  # who does not wait for that
        meanwhile = asyncio.create_task(studio.accept(request("3"), chunks(b"new")))
        await ended(database, other.id)
        held.go.set()
        assert (await forgetting).photos == 1
        await ended(database, (await meanwhile).id)
        assert pipeline.painted == [b"photo", b"his", b"new"]
        assert not door.dismissed


@pytest.mark.parametrize("call", ["find", "lately"])
async def test_a_photo_that_has_just_come_is_wiped(tmp_path, pipeline, door, monkeypatch, call):
    held = Held()
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        asked = getattr(database.jobs, call)

        async def late(*about):
            answer = await asked(*about)
            await held.wait()
            return answer

        with monkeypatch.context() as patch:
            patch.setattr(database.jobs, call, late)
            coming = asyncio.create_task(studio.accept(request("1"), chunks(b"photo")))
            await held.begun.wait()
        await studio.forget(ANN)
        held.go.set()
        with pytest.raises(Refused) as refused:
            await coming
        assert refused.value.code == "photo_gone"
        assert await database.jobs.of(ANN) == []
        assert await store.stale("", 1e12) == []
        assert studio._admission._incoming == {}


async def test_a_photo_about_to_be_painted_again_is_wiped(tmp_path, pipeline, door, monkeypatch):
    held = Held()
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        first = await ended(database, (await studio.accept(request("1"), chunks(b"photo"))).id)
        add = database.jobs.add

        async def late(job):
            await held.wait()
            return await add(job)

        monkeypatch.setattr(database.jobs, "add", late)
        source = Source("test", "chat", "press 1", "wider")
        again = studio.repaint(first.id, ANN, Options(crop=Crop.WIDE), source, reply="{}", language="en")
        coming = asyncio.create_task(again)
        await held.begun.wait()
        await studio.forget(ANN)
        held.go.set()
        with pytest.raises(Refused) as refused:
            await coming
        assert refused.value.code == "photo_gone"
        assert await database.jobs.of(ANN) == []
        assert await store.stale("", 1e12) == []
        assert pipeline.painted == [b"photo"]
