"""The real service whose engines can't paint, from the start on or from a moment on: it ends, and fails no job."""

import asyncio
from pathlib import Path

import httpx
import pytest

from bots.app import main
from inference.errors import EngineFailed, NoEngine
from storage import Database, Job, State
from tests.bots.studio_parts import SteeredPipeline, chunks, request, settings_in, studio_in
from tests.service import ROOT, Service

PHOTO = (ROOT / "docs" / "astronaut.png").read_bytes()
NETWORKS = "tests.inference.networks"


def service_in(folder: Path, network: str) -> Service:
    return Service(folder, module="tests.crashing", NETWORK=f"{NETWORKS}:{network}")


async def jobs_in(folder: Path) -> list[Job]:
    async with Database(folder / "jobs.db") as database:
        return await database.jobs.unfinished()


async def prepared(service: Service) -> None:
    """A photo waits for nothing but the engine."""
    async with asyncio.timeout(60), httpx.AsyncClient(base_url=service.address, timeout=60) as client:
        while 'stage_seconds_count{stage="prepare"} 1.0' not in (await client.get("/metrics")).text:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def assert_waits(job: Job) -> None:
    assert (job.state, job.attempts, job.code) == (State.QUEUED, 0, None)


async def test_a_start_without_an_engine_uses_up_no_job(tmp_path: Path) -> None:
    stuck = SteeredPipeline()
    stuck.act = lambda _: asyncio.Event().wait()
    settings = settings_in(tmp_path, limits_grace=0)
    async with studio_in(settings, stuck, None) as (studio, _, _):
        job = await studio.accept(request(), chunks(PHOTO))
    async with service_in(tmp_path, "no_such_device_in_the_end") as service:
        await service.said("Page and API")
        await prepared(service)
        (tmp_path / "go").touch()
        assert await service.ended() != 0
        assert service.output.rstrip().endswith("but TensorFlow sees 0 GPUs on this machine")
    (left,) = await jobs_in(tmp_path)
    assert left.id == job.id
    assert_waits(left)


async def test_a_service_that_loses_its_engine_ends_and_keeps_its_jobs(tmp_path: Path) -> None:
    async with service_in(tmp_path, "lost") as service:
        await service.said("Ready to paint")
        async with httpx.AsyncClient(base_url=service.address, timeout=60) as client:
            posted = await client.post("/api/selfies", files={"photo": PHOTO})
            assert posted.status_code == 202
        assert await service.ended() != 0
        assert "No engine can paint any more: ValueError: no card any more" in service.output
    (left,) = await jobs_in(tmp_path)
    assert_waits(left)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EngineFailed("no such device"), "Selfie2Anime can't start. no such device\n"),
        (
            NoEngine("No engine can paint any more: no card"),
            "Selfie2Anime stops. No engine can paint any more: no card\n",
        ),
    ],
)
def test_it_says_why_and_exits_with_2(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("bots.app.serve", fails)
    assert main() == 2
    assert capsys.readouterr().err == said
