"""Who asks for too much for too long, and quotas that outlive the rows they are counted from."""

import itertools
import time
from dataclasses import replace

import pytest

from bots.requests import Refused
from bots.restraint import PAUSE, STRIKES, TOGETHER, WITHIN, Restraint
from storage import StorageError
from tests.bots.test_studio import chunks, ended, request, settings_in, studio_in


class Nobody:
    """Stands in for `People` whose database is down."""

    async def pause(self, person: str, until: float) -> None:
        raise StorageError("database_locked", f"no pause for {person}")


async def test_a_pause_that_cannot_be_written_down_spoils_no_answer() -> None:
    ticks = itertools.count(0.0, TOGETHER)
    restraint = Restraint(Nobody(), lambda: next(ticks))
    for _ in range(2 * STRIKES):
        await restraint.refused("test:ann", "over_quota")


def test_refusals_far_apart_are_no_abuse() -> None:
    now = 0.0
    restraint = Restraint(Nobody(), lambda: now)
    for _ in range(3 * STRIKES):
        now += WITHIN / (STRIKES - 1) + 1
        assert not restraint.strike("test:ann")
    assert not restraint.strike("test:bob")
    now += WITHIN + 1
    restraint.strike("test:cid")
    assert [*restraint._strikes] == ["test:cid"], "who stopped long ago is not kept in memory"


def test_what_is_refused_together_is_one_attempt() -> None:
    now = 0.0
    restraint = Restraint(Nobody(), lambda: now)
    for _ in range(STRIKES - 1):
        now += TOGETHER
        assert not any(restraint.strike("test:ann") for _ in range(30))
    now += TOGETHER
    assert restraint.strike("test:ann")


def test_wiped_photos_count_for_an_hour() -> None:
    now = 10_000.0
    restraint = Restraint(Nobody(), lambda: now)
    restraint.wiped("test:ann", 3, 9_000.0)
    restraint.wiped("test:ann", 2, 9_500.0)
    assert restraint.spent("test:ann") == (5, 9_500.0)
    assert restraint.spent("test:bob") == (0, 0.0)
    now = 13_101.0
    assert restraint.spent("test:ann") == (0, 0.0)
    restraint.wiped("test:bob", 0, 0.0)
    assert restraint._wiped == {}


async def test_who_does_not_stop_is_paused_also_after_a_restart(tmp_path, pipeline, door, monkeypatch):
    monkeypatch.setattr("bots.restraint.TOGETHER", 0.0)
    settings = settings_in(tmp_path, limits_hour=1)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        await ended(database, (await studio.accept(request("first"), chunks(b"photo"))).id)
        for n in range(STRIKES):
            with pytest.raises(Refused, match="photos in an hour"):
                await studio.accept(request(str(n)), chunks(b"photo"))
        assert pipeline.painted == [b"photo"]
    generous = settings_in(tmp_path, limits_hour=100)
    async with studio_in(generous, pipeline, door) as (studio, database, _):
        with pytest.raises(Refused, match="is paused") as refused:
            await studio.accept(request("later"), chunks(b"photo"))
        assert refused.value.code == "over_quota"
        assert PAUSE - 60 < refused.value.retry_at - time.time() <= PAUSE
        await studio.forget("test:ann")
        with pytest.raises(Refused, match="is paused"):
            await studio.accept(request("forgotten"), chunks(b"photo"))
        other = await studio.accept(request("other", person="test:bob"), chunks(b"photo"))
        assert (await ended(database, other.id)).results
        await studio.people.block("test:ann", False)
        assert (await ended(database, (await studio.accept(request("unblocked"), chunks(b"photo"))).id)).results


async def test_what_nobody_asked_for_is_refused_and_not_held_against_anybody(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path, limits_hour=1), pipeline, door) as (studio, database, _):
        await ended(database, (await studio.accept(request("first"), chunks(b"photo"))).id)
        for n in range(2 * STRIKES):
            with pytest.raises(Refused, match="photos in an hour"):
                await studio.accept(replace(request(str(n)), unasked=True), chunks(b"photo"))
        assert (await studio.people.get("test:ann")).paused_until == 0.0


async def test_a_quota_is_not_restored_by_wiping_ones_data(tmp_path, pipeline, door):
    settings = settings_in(tmp_path, limits_hour=3, limits_minute=100)
    async with studio_in(settings, pipeline, door) as (studio, database, _):
        for n in range(2):
            await ended(database, (await studio.accept(request(str(n)), chunks(b"photo"))).id)
        await studio.forget("test:ann")
        await ended(database, (await studio.accept(request("third"), chunks(b"photo"))).id)
        with pytest.raises(Refused, match="photos in an hour"):
            await studio.accept(request("fourth"), chunks(b"photo"))
        await studio.forget("test:ann")
        with pytest.raises(Refused, match="had wiped 3 photos") as refused:
            await studio.accept(request("fifth"), chunks(b"photo"))
        assert 3_500 < refused.value.retry_at - time.time() <= 3_600


async def test_wiping_that_fails_and_is_tried_again_counts_nothing_twice(tmp_path, pipeline, door, monkeypatch):
    async def fail(_keys):
        raise StorageError("unreachable", "no answer")

    settings = settings_in(tmp_path, limits_hour=3)
    async with studio_in(settings, pipeline, door) as (studio, database, store):
        await ended(database, (await studio.accept(request("first"), chunks(b"photo"))).id)
        with monkeypatch.context() as patch:
            patch.setattr(store, "delete", fail)
            for _ in range(3):
                with pytest.raises(StorageError, match="no answer"):
                    await studio.forget("test:ann")
        await ended(database, (await studio.accept(request("second"), chunks(b"photo"))).id)
        await studio.forget("test:ann")
        await ended(database, (await studio.accept(request("third"), chunks(b"photo"))).id)
        with pytest.raises(Refused, match="photos in an hour"):
            await studio.accept(request("fourth"), chunks(b"photo"))


async def test_a_pause_is_forgotten_when_it_is_over(tmp_path, pipeline, door):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (_, database, _):
        people = database.people
        await people.pause("test:ann", 1_000.0)
        await people.pause("test:bob", 1_000.0)
        await people.set_language("test:bob", "de")
        await people.pause("test:cid", 3_000.0)
        assert not await people.forget("test:cid"), "nothing of theirs was remembered"
        await people.end_pauses(2_000.0)
        rows = await database._sql.query("SELECT id, paused_until FROM people ORDER BY id")
        assert [tuple(row) for row in rows] == [("test:bob", 0.0), ("test:cid", 3_000.0)]
