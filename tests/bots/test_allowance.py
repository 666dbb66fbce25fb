"""What is left of the hour: told when it is little, by the figures by which the studio refuses."""

import time

import pytest

from bots.allowance import FEW, Allowance, Allowances
from bots.requests import Refused
from bots.restraint import HOUR, Restraint
from storage import Sent, StorageError
from tests.bots.test_studio import chunks, ended, request, settings_in, studio_in


async def test_it_is_told_as_the_studio_refuses(tmp_path, pipeline, door):
    settings = settings_in(tmp_path, limits_hour=4, limits_minute=100)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        assert await studio.allowances.few("test:ann") is None
        await ended(database, (await studio.accept(request("1"), chunks(b"one"))).id)
        assert await studio.allowances.few("test:ann") is None
        await ended(database, (await studio.accept(request("2"), chunks(b"two"), chunks(b"three"))).id)
        few = await studio.allowances.few("test:ann")
        assert few.left == FEW == 1
        await ended(database, (await studio.accept(request("3"), chunks(b"four"))).id)
        none = await studio.allowances.few("test:ann")
        assert none == Allowance(0, few.again)
        with pytest.raises(Refused) as refused:
            await studio.accept(request("4"), chunks(b"five"))
        assert refused.value.retry_at == none.again
        assert 3_500 < none.again - time.time() <= 3_600
        assert await studio.allowances.few("test:bob") is None


async def test_what_was_wiped_counts(tmp_path, pipeline, door):
    settings = settings_in(tmp_path, limits_hour=2, limits_minute=100)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        await ended(database, (await studio.accept(request("1"), chunks(b"one"))).id)
        await studio.forget("test:ann")
        assert (await studio.allowances.few("test:ann")).left == 1
        await ended(database, (await studio.accept(request("2"), chunks(b"two"))).id)
        for _ in range(2):  # as it is, and with all of it wiped
            few = await studio.allowances.few("test:ann")
            with pytest.raises(Refused) as refused:
                await studio.accept(request("3"), chunks(b"three"))
            assert few == Allowance(0, refused.value.retry_at)
            await studio.forget("test:ann")


async def test_an_hour_in_which_nothing_was_sent_has_nothing_to_tell(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path, limits_hour=FEW), pipeline, door) as (studio, database, _):
        assert await studio.allowances.few("test:ann") is None
        await ended(database, (await studio.accept(request(), chunks(b"photo"))).id)
        assert (await studio.allowances.few("test:ann")).left == 0
        later = Allowances(FEW, database.jobs, Restraint(None, time.time), lambda: time.time() + HOUR + 1)
        assert await later.few("test:ann") is None


async def test_it_is_a_courtesy() -> None:
    class Broken:
        async def lately(self, person: str, since: float) -> list[Sent]:
            raise StorageError("database_locked", f"nothing of {person}")

    clock = time.time
    assert await Allowances(3, Broken(), Restraint(None, clock), clock).few("test:ann") is None
