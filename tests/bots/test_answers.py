"""Answers that have to be tried again: who changes their mind meanwhile gets none."""

import pytest
from structlog.testing import capture_logs

from inference.errors import NoFace
from storage import State
from tests.bots.studio_parts import RecordingDoor, chunks, request, settings_in, studio_in


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


async def test_an_answer_is_tried_with_the_job_as_it_is_by_then(tmp_path, pipeline):
    door = AwayDoor(lambda job: studio.remember(job.id, '{"status": 7}'))
    async with studio_in(settings_in(tmp_path), pipeline, door) as (studio, _, _):
        studio._answers._pause = 0.001
        await studio.accept(request(), chunks(b"photo"))
        await door.until(lambda: bool(door.delivered))
    assert [job.reply for job, _ in door.delivered] == ['{"status": 7}']
