"""A disk without room, under the objects or under the database: nothing is lost, and nothing is said twice."""

import errno
import os

import pytest
from structlog.testing import capture_logs

from bots.requests import Refused
from inference.errors import NoFace
from storage import Jobs, State, StorageError
from tests.bots.studio_parts import chunks, ended, request, settings_in, studio_in


class Disk:
    """Refuses objects as the kernel does while it is `full`, so many times."""

    def __init__(self, monkeypatch):
        self.full = 0
        self._sync = os.fsync
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, handle):
        if self.full:
            self.full -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._sync(handle)


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


async def test_a_photo_without_room_is_refused_and_the_log_names_the_folder(tmp_path, pipeline, door, disk):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        disk.full = 1
        with capture_logs() as logs, pytest.raises(Refused) as refused:
            await studio.accept(request(), chunks(b"photo"))
        assert refused.value.code == "unexpected"
        (said,) = [entry["error"] for entry in logs if entry["log_level"] == "error"]
        assert "No space left" in said
        assert str(tmp_path / "objects") in said
        assert await database.jobs.find(request().source) is None
        again = await studio.accept(request(), chunks(b"photo"))
        assert (await ended(database, again.id)).state is State.DELIVERED


@pytest.mark.parametrize("known", [True, False])
async def test_a_job_without_room_leaves_no_photo_behind(tmp_path, pipeline, door, monkeypatch, known):
    async def full(_):
        raise StorageError("disk_full", "No space left for the database")

    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        monkeypatch.setattr(database.jobs, "add", full)
        if not known:
            monkeypatch.setattr(database.jobs, "get", full)
        with pytest.raises(Refused) as refused:
            await studio.accept(request(), chunks(b"one"), chunks(b"two"))
        assert refused.value.code == "unexpected"
        assert len(await store.stale("inputs/", 1e12)) == (0 if known else 2), "a row may lead to them"


async def test_a_row_that_is_there_in_spite_of_an_error_keeps_its_photo(tmp_path, pipeline, door, monkeypatch):
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, store):
        add = database.jobs.add

        async def add_and_fail(job):
            await add(job)
            raise StorageError("database_failed", "nobody knows")

        monkeypatch.setattr(database.jobs, "add", add_and_fail)
        with pytest.raises(Refused):
            await studio.accept(request(), chunks(b"photo"))
        job = await database.jobs.find(request().source)
        assert await store.stale("inputs/", 1e12) == [*job.inputs]


async def test_a_picture_without_room_waits_for_it(tmp_path, pipeline, door, disk):
    async def act(_photo):
        disk.full = 3

    pipeline.act = act
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        studio._workshop._pause = 0.001
        job = await studio.accept(request(), chunks(b"photo"))
        assert (await ended(database, job.id)).state is State.DELIVERED
    assert disk.full == 0
    assert (len(door.delivered), door.explained) == (1, [])


@pytest.mark.parametrize("state", [State.RUNNING, State.RENDERED, State.DELIVERED, State.FAILED])
async def test_a_state_that_the_database_has_no_room_for_is_written_later(tmp_path, pipeline, door, monkeypatch, state):
    advance, refused = Jobs.advance, 0

    async def advance_or_not(jobs, job_id, to, **fields):
        nonlocal refused
        if to is state and refused < 3:
            refused += 1
            raise StorageError("disk_full", "No space left for the database")
        return await advance(jobs, job_id, to, **fields)

    async def act(_photo):
        if state is State.FAILED:
            raise NoFace("nobody there")

    pipeline.act = act
    monkeypatch.setattr(Jobs, "advance", advance_or_not)
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, database, _):
        studio._workshop._pause = studio._answers._pause = 0.001
        job = await studio.accept(request(), chunks(b"photo"))
        last = State.FAILED if state is State.FAILED else State.DELIVERED
        assert (await ended(database, job.id)).state is last
    assert refused == 3
    assert len(door.delivered) + len(door.explained) == 1
