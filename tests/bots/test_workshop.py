"""The workshop: as many jobs under way as the engines keep busy."""

import asyncio

from bots.requests import Stage
from storage import State
from tests.bots.studio_parts import chunks, ended, request, settings_in, studio_in


async def test_an_engine_that_joins_later_is_given_work_too(tmp_path, pipeline, door):
    hold = asyncio.Event()

    async def act(_photo):
        await hold.wait()

    pipeline.act = act
    settings = settings_in(tmp_path, model_batch=1)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        jobs = [await studio.accept(request(str(n), f"test:{n}"), chunks(b"photo")) for n in range(4)]
        await door.until(lambda: sum(p.stage is Stage.PAINTING for _, p in door.shown) == 2)
        pipeline.usable = 2
        await door.until(lambda: sum(p.stage is Stage.PAINTING for _, p in door.shown) == 4)
        hold.set()
        assert {(await ended(database, job.id)).state for job in jobs} == {State.DELIVERED}


async def test_as_many_are_painted_at_once_as_pays(tmp_path, pipeline, door):
    under_way, most = 0, 0

    async def act(_photo):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1

    pipeline.act = act
    async with studio_in(settings_in(tmp_path, model_batch=4), pipeline, door) as (studio, database, _):
        for largest in (4, 1):  # the engine has found out that one at a time is quickest
            pipeline.largest, most = largest, 0
            people = [f"test:{largest}-{n}" for n in range(16)]
            jobs = [await studio.accept(request(person, person), chunks(b"photo")) for person in people]
            for job in jobs[:8]:
                await ended(database, job.id)
            if largest == 1:
                most = under_way  # those of before have had their last job
            for job in jobs[8:]:
                await ended(database, job.id)
            assert 1 <= most <= 2 * largest


async def test_whoever_stands_behind_an_album_is_told_the_time_of_all_its_photos(tmp_path, pipeline, door):
    hold = asyncio.Event()

    async def act(_photo):
        await hold.wait()

    pipeline.act = act
    settings = settings_in(tmp_path, model_batch=1)  # two jobs under way
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        first = await studio.accept(request("1", "test:ann"), *(chunks(b"photo") for _ in range(4)))
        second = await studio.accept(request("2", "test:bob"), chunks(b"photo"))
        await door.until(lambda: sum(p.stage is Stage.PAINTING for _, p in door.shown) == 2)
        album = await studio.accept(request("3", "test:cid"), *(chunks(b"photo") for _ in range(10)))
        single = await studio.accept(request("4", "test:dan"), chunks(b"photo"))
        jobs = (first, second, album, single)
        etas = [studio.progress_of(job.id).eta for job in jobs]
        assert etas == [0.5 * 5, 0.5 * 5, 0.5 * (5 + 10), 0.5 * (5 + 10 + 1)]
        hold.set()
        assert {(await ended(database, job.id)).state for job in jobs} == {State.DELIVERED}
