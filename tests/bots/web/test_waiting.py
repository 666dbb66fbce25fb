"""Answers that are held back until a photo is painted, or will not be."""

import asyncio

import httpx
import pytest

from bots.web import WebDoor
from storage import Job, State
from tests.bots.web.fakes import FakeStudio, make_job

LONG = 20  # seconds that no test here waits in full
SOON = 5.0  # seconds within which what is there already is answered, on a busy machine


class Held:
    """A look that is held back, once the service has read how things stand."""

    def __init__(self, client: httpx.AsyncClient, studio: FakeStudio, wait: float) -> None:
        self.reads = 0
        self.read = asyncio.Event()
        self._job = studio.job
        studio.job = self._look  # type: ignore[method-assign]
        self.answer = asyncio.create_task(client.get(f"/api/selfies/job1?wait={wait}"))

    async def _look(self, job_id: str) -> Job | None:
        job = await self._job(job_id)
        self.reads += 1
        self.read.set()
        return job


async def settled() -> None:
    """Whatever was set going has run."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def job(studio: FakeStudio) -> None:
    studio.jobs["job1"] = make_job("job1")


def move(studio: FakeStudio, door: WebDoor, **changes: object) -> None:
    studio.change("job1", **changes)
    door.changed(studio.jobs["job1"])


async def test_the_answer_comes_with_the_news(client: httpx.AsyncClient, studio: FakeStudio, door: WebDoor) -> None:
    held = Held(client, studio, LONG)
    async with asyncio.timeout(SOON):
        await held.read.wait()
        assert not held.answer.done()
        move(studio, door, state=State.FAILED, code="no_face")
        assert (await held.answer).json()["code"] == "no_face"


async def test_news_of_another_photo_are_none(client: httpx.AsyncClient, studio: FakeStudio, door: WebDoor) -> None:
    held = Held(client, studio, LONG)
    async with asyncio.timeout(SOON):
        await held.read.wait()
        door.changed(make_job("job2", state=State.RENDERED))
        await settled()
        assert not held.answer.done()
        move(studio, door, state=State.CANCELLED)
        assert (await held.answer).json()["state"] == "cancelled"


async def test_that_it_is_being_painted_is_told_with_the_next_answer(
    client: httpx.AsyncClient, studio: FakeStudio, door: WebDoor
) -> None:
    held = Held(client, studio, LONG)
    async with asyncio.timeout(SOON):
        await held.read.wait()
        move(studio, door, state=State.RUNNING)
        await settled()
        assert not held.answer.done()
        move(studio, door, state=State.RENDERED)
        assert (await held.answer).json()["state"] == "rendered"
    assert held.reads == 1  # a crowd that looks costs the database little


async def test_what_happened_during_the_wait_stands_in_the_answer(studio: FakeStudio, door: WebDoor) -> None:
    async def read() -> Job:
        asyncio.get_running_loop().call_soon(move, studio, door)
        return make_job("job1")

    studio.change("job1", state=State.RUNNING)
    assert (await door.outcome("job1", 0.05, read)).state is State.RUNNING


async def test_without_news_it_comes_at_the_end(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/selfies/job1?wait=0.01")).json()["state"] == "queued"


@pytest.mark.parametrize("state", [State.RENDERED, State.DELIVERED, State.FAILED])
async def test_what_has_come_to_its_end_is_told_at_once(
    client: httpx.AsyncClient, studio: FakeStudio, state: State
) -> None:
    studio.change("job1", state=state)
    async with asyncio.timeout(SOON):
        assert (await client.get(f"/api/selfies/job1?wait={LONG}")).json()["state"] == state.value


async def test_news_while_it_reads_are_heard(door: WebDoor) -> None:
    before, after = make_job("job1"), make_job("job1", state=State.RENDERED)

    async def read() -> Job:
        door.changed(after)
        return before

    async with asyncio.timeout(SOON):
        assert await door.outcome("job1", LONG, read) is after


async def test_nobody_is_remembered_who_waits_no_longer(client: httpx.AsyncClient, door: WebDoor) -> None:
    await client.get("/api/selfies/job1?wait=0.01")
    assert (await client.get("/api/selfies/unknown?wait=0.01")).status_code == 404
    assert not door._waiting


async def test_nobody_waits_at_a_closed_door(client: httpx.AsyncClient, studio: FakeStudio, door: WebDoor) -> None:
    held = Held(client, studio, LONG)
    async with asyncio.timeout(SOON):
        await held.read.wait()
        door.close()
        assert (await held.answer).json()["state"] == "queued"
        assert (await client.get(f"/api/selfies/job1?wait={LONG}")).json()["state"] == "queued"


@pytest.mark.parametrize("wait", ["26", "-1", "nan", "soon"])
async def test_a_wait_that_is_none_is_refused(client: httpx.AsyncClient, wait: str) -> None:
    answer = await client.get("/api/selfies/job1", params={"wait": wait})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "bad_request"
