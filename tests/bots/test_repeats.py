"""The same photo again: answered from what is stored, and never with what is not the same."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bots.metrics import Metrics
from inference import Crop, Options
from storage import ObjectMissing, ObjectStore, State, StorageError
from tests.bots.studio_parts import (
    RecordingDoor,
    SteeredPipeline,
    chunks,
    ended,
    request,
    settings_in,
    studio_in,
)


class Between:
    """A store that lets a test step in before a result is read."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.step: Callable[[], AsyncIterator[None]] | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def get(self, key: str) -> bytes:
        if key.startswith("results/") and self.step is not None:
            async for _ in self.step():
                pass
        return await self._store.get(key)


async def test_the_same_photo_again_is_answered_at_once_with_pictures_of_its_own(tmp_path, pipeline, door):
    metrics = Metrics()
    async with studio_in(settings_in(tmp_path), pipeline, door, metrics=metrics) as (studio, database, _):
        first = await ended(database, (await studio.accept(request("1"), chunks(b"pho", b"to"))).id)
        pipeline.act = lambda _: asyncio.Event().wait()  # whoever paints now waits for ever
        await studio.accept(request("2", "test:bob"), chunks(b"another"))
        again = await ended(database, (await studio.accept(request("3"), chunks(b"photo"))).id)
        assert again.state is State.DELIVERED
        assert pipeline.painted == [b"photo"]
        [(_, one), (told, other)] = door.delivered
        assert (told.id, other) == (again.id, one)
        assert [job.id for job, _ in door.shown if job.id == again.id] == []
        assert not set(again.results) & set(first.results)

        assert await studio.discard(first.id, "test:ann")
        assert len(await studio.pictures(again)) == 1
        assert metrics.registry.get_sample_value("selfie2anime_jobs_repeated_total", {"door": "test"}) == 1


async def test_an_album_is_repeated_with_what_was_found_but_not_with_what_failed(tmp_path, pipeline, door):
    album = (b"good", b"bad")
    failing = True

    async def act(photo):
        if photo == b"bad" and failing:
            raise RuntimeError("for now")

    pipeline.act = act
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        await ended(database, (await studio.accept(request("1"), *map(chunks, album))).id)
        failing = False
        for message in ("2", "3"):
            await ended(database, (await studio.accept(request(message), *map(chunks, album))).id)
        [one, two, three] = [delivery for _, delivery in door.delivered]
        assert (len(one.pictures), one.missed) == (1, ("", "unexpected"))
        assert (len(two.pictures), two.found, two.missed) == (2, 2, ("", ""))
        assert three == two
        assert sorted(pipeline.painted) == [b"bad", b"good", b"good"]


@pytest.mark.parametrize(
    ("person", "options", "photos"),
    [
        ("test:bob", Options(), [b"a", b"bc"]),
        ("test:ann", Options(crop=Crop.WIDE), [b"a", b"bc"]),
        ("test:ann", Options(), [b"bc", b"a"]),
        ("test:ann", Options(), [b"ab", b"c"]),
        ("test:ann", Options(), [b"abc"]),
    ],
    ids=["somebody else", "other options", "another order", "cut elsewhere", "in one"],
)
async def test_what_is_not_the_same_is_painted(tmp_path, pipeline, door, person, options, photos):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        await ended(database, (await studio.accept(request("1"), chunks(b"a"), chunks(b"bc"))).id)
        await ended(database, (await studio.accept(request("2", person, options=options), *map(chunks, photos))).id)
        assert sorted(pipeline.painted) == sorted([b"a", b"bc", *photos])


async def test_other_weights_paint_anew_also_after_a_restart(tmp_path, pipeline, door):
    for number, (version, times) in enumerate([("1", 1), ("1", 1), ("2", 2)]):
        pipeline.version = version
        async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
            await ended(database, (await studio.accept(request(f"{number}"), chunks(b"photo"))).id)
            assert len(pipeline.painted) == times


async def test_pictures_that_were_wiped_are_painted_anew(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        first = await ended(database, (await studio.accept(request("1"), chunks(b"photo"))).id)
        await studio.discard(first.id, "test:ann")
        await ended(database, (await studio.accept(request("2"), chunks(b"photo"))).id)
        assert pipeline.painted == [b"photo", b"photo"]


async def test_pictures_that_are_wiped_at_this_moment_are_painted_anew(tmp_path, pipeline, door):
    stores: list[Between] = []

    def wrap(store):
        stores.append(Between(store))
        return stores[0]

    async with studio_in(settings_in(tmp_path), pipeline, door, wrap) as (studio, database, _):
        first = await ended(database, (await studio.accept(request("1"), chunks(b"photo"))).id)

        async def wipe():
            stores[0].step = None
            await studio.discard(first.id, "test:ann")
            yield

        stores[0].step = wipe
        again = await ended(database, (await studio.accept(request("2"), chunks(b"photo"))).id)
        assert again.state is State.DELIVERED
        assert pipeline.painted == [b"photo", b"photo"]


async def test_a_database_that_can_not_say_so_at_this_moment_costs_no_picture(tmp_path, pipeline, door, monkeypatch):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):

        async def locked(_job):
            raise StorageError("database_locked", "another program holds it")

        monkeypatch.setattr(database.jobs, "like", locked)
        assert (await ended(database, (await studio.accept(request(), chunks(b"photo"))).id)).state is State.DELIVERED


async def test_one_that_is_cancelled_on_the_way_is_not_sent_and_leaves_nothing(tmp_path, pipeline, door):
    stores: list[Between] = []
    reading = asyncio.Event()
    cancelled = asyncio.Event()

    def wrap(store):
        stores.append(Between(store))
        return stores[0]

    async def hold():
        reading.set()
        await cancelled.wait()
        yield

    async with studio_in(settings_in(tmp_path), pipeline, door, wrap) as (studio, database, store):
        await ended(database, (await studio.accept(request("1"), chunks(b"photo"))).id)
        stores[0].step = hold
        again = await studio.accept(request("2"), chunks(b"photo"))
        await reading.wait()
        assert await studio.cancel(again.id, "test:ann")
        cancelled.set()
        await studio.drain()
        assert [job.id for job, _ in door.delivered if job.id == again.id] == []
        with pytest.raises(ObjectMissing):
            await store.get(f"results/{again.id}/1.png")


async def test_the_same_update_twice_while_it_is_repeated_is_one_answer(tmp_path: Path) -> None:
    pipeline, door = SteeredPipeline(), RecordingDoor()
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        await ended(database, (await studio.accept(request("1"), chunks(b"photo"))).id)
        both = await asyncio.gather(*(studio.accept(request("2"), chunks(b"photo")) for _ in range(2)))
        assert both[0].id == both[1].id
        await ended(database, both[0].id)
        await studio.drain()
        assert len(door.delivered) == 2
        assert pipeline.painted == [b"photo"]
