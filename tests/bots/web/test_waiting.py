"""Answers that are held back until there is news of a photo."""

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
        self.studio = studio
        self.reads = 0
        self.read = asyncio.Event()
        self._job = studio.job
        studio.job = self._look  # type: ignore[method-assign]
        self.answer = asyncio.create_task(client.get(f"/api/selfies/job1?wait={wait}"))

    async def _look(self, job_id: str) -> Job | None:
        job = await self._job(job_id)
        self.reads += 1
        if self.reads == 2:  # the first is to see whether there is such a job, and a reason to wait
            self.read.set()
        return job


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
        door.changed(make_job("job2"))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not held.answer.done()
        move(studio, door, state=State.CANCELLED)
        assert (await held.answer).json()["state"] == "cancelled"


async def test_without_news_it_comes_at_the_end(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/selfies/job1?wait=0.01")).json()["state"] == "queued"


@pytest.mark.parametrize("state", [State.RENDERED, State.DELIVERED, State.FAILED])
async def test_what_has_come_to_its_end_is_told_at_once(
    client: httpx.AsyncClient, studio: FakeStudio, state: State
) -> None:
    studio.change("job1", state=state)
    async with asyncio.timeout(SOON):
        assert (await client.get(f"/api/selfies/job1?wait={LONG}")).json()["state"] == state.value


async def test_news_between_the_look_and_the_wait_are_heard(door: WebDoor) -> None:
    before, after = make_job("job1"), make_job("job1", state=State.RUNNING)

    async def read() -> Job:
        return after

    async with asyncio.timeout(SOON):
        assert await door.moved(before, LONG, read) is after


async def test_news_while_it_reads_are_heard(door: WebDoor) -> None:
    before, after = make_job("job1"), make_job("job1", state=State.RUNNING)
    reads = iter([before, after])

    async def read() -> Job:
        job = next(reads)
        if job is before:
            door.changed(after)
        return job

    async with asyncio.timeout(SOON):
        assert await door.moved(before, LONG, read) is after


async def test_a_photo_that_is_wiped_meanwhile_is_gone(
    client: httpx.AsyncClient, studio: FakeStudio, door: WebDoor
) -> None:
    held = Held(client, studio, LONG)
    async with asyncio.timeout(SOON):
        await held.read.wait()
        job = studio.jobs.pop("job1")
        door.changed(job)
        assert (await held.answer).status_code == 404


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
