"""The metrics, counted by the real studio on the real database, read as Prometheus reads them."""

import asyncio
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bots.metrics import Metrics
from bots.requests import Refused
from bots.vitals import Vitals, watch_loop
from bots.web import WebDoor, create_app
from inference.errors import NoFace
from inference.measures import Batch, Stage
from storage import Database, State
from tests.bots.studio_parts import (
    RecordingDoor,
    SteeredPipeline,
    chunks,
    ended,
    reached,
    request,
    settings_in,
    studio_in,
)
from tests.bots.web.conftest import client_of


async def read(client: httpx.AsyncClient) -> dict[str, float]:
    """Every sample of `/metrics`, by its name and labels."""
    text = (await client.get("/metrics")).raise_for_status().text
    return {
        sample.name.removeprefix("selfie2anime_") + "".join(f" {v}" for v in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_selfie_is_counted_and_timed_on_its_whole_way(tmp_path: Path) -> None:
    metrics, pipeline, door = Metrics(), SteeredPipeline(), RecordingDoor()
    settings = settings_in(tmp_path)
    async with studio_in(settings, pipeline, door, metrics=metrics) as (studio, database, store):
        Vitals(studio.queue, pipeline).register(metrics.registry)  # type: ignore[arg-type]
        async with client_of(create_app(settings, studio, store, metrics.registry, WebDoor())) as client:
            job = await studio.accept(request(), chunks(b"photo"))
            await studio.accept(request(), chunks(b"photo"))  # the same update again
            await ended(database, job.id)
            seen = await read(client)

    assert seen["jobs_accepted_total test"] == 1
    assert seen["jobs_ended_total test delivered"] == 1
    for part in ("wait", "deliver", "whole"):
        assert seen[f"{part}_seconds_count test"] == 1, part
        assert 0 <= seen[f"{part}_seconds_sum test"] < 20, part
    assert seen["stage_seconds_count store"] == 1
    assert seen["painting"] == seen["oldest_seconds"] == 0
    assert seen["process_cpu_seconds_total"] > 0


async def test_failures_cancellations_and_refusals_are_counted_by_door_and_reason(tmp_path: Path) -> None:
    async def no_face(photo: bytes) -> None:
        if photo == b"wall":
            raise NoFace("the detector found no face")
        await asyncio.Event().wait()

    metrics, pipeline, door = Metrics(), SteeredPipeline(), RecordingDoor()
    pipeline.act = no_face
    settings = settings_in(tmp_path, limits_waiting=1, model_batch=1)
    async with studio_in(settings, pipeline, door, metrics=metrics) as (studio, database, store):
        Vitals(studio.queue, pipeline).register(metrics.registry)  # type: ignore[arg-type]
        async with client_of(create_app(settings, studio, store, metrics.registry, WebDoor())) as client:
            await ended(database, (await studio.accept(request("1"), chunks(b"wall"))).id)
            jobs = [await studio.accept(request(f"{n}", f"test:{n}"), chunks(b"face")) for n in range(2, 6)]
            with pytest.raises(Refused) as refused:
                await studio.accept(request("9", "test:5"), chunks(b"face"))
            await reached(database, jobs[1].id, frozenset({State.RUNNING}))
            during = await read(client)
            for job in jobs:
                await studio.cancel(job.id, job.person)
            seen = await read(client)

    assert refused.value.retry_at is not None
    assert (during["waiting test"], during["painting"]) == (2, 2)
    assert 0 < during["oldest_seconds"] < 20
    assert during["newcomer_seconds"] == 0.5 * (2 + 1 + 2)
    assert seen["jobs_failed_total no_face test"] == seen["jobs_ended_total test failed"] == 1
    assert seen["jobs_ended_total test cancelled"] == 4
    assert seen["photos_refused_total waiting_quota test"] == 1
    assert seen["jobs_accepted_total test"] == 5
    shown = " ".join(seen)
    assert not [hidden for job in jobs for hidden in (job.person, job.id, job.source.chat) if hidden in shown]


async def test_what_is_tried_again_is_counted(tmp_path: Path) -> None:
    metrics, door = Metrics(), RecordingDoor()
    door.failures = [OSError("connection reset")]
    begun = asyncio.Event()

    async def never(photo: bytes) -> None:
        begun.set()
        await asyncio.Event().wait()

    stuck = SteeredPipeline()
    stuck.act = never
    async with studio_in(settings_in(tmp_path), stuck, None) as (studio, _, _):
        broken_off = await studio.accept(request(), chunks(b"photo"))
        await begun.wait()
    async with Database(settings_in(tmp_path).database_path) as database:
        await database.jobs.advance(broken_off.id, State.RUNNING)  # as a crash leaves it
    async with studio_in(settings_in(tmp_path), SteeredPipeline(), door, metrics=metrics) as (studio, database, store):
        (job,) = await database.jobs.of("test:ann")
        await ended(database, job.id)
        async with client_of(create_app(settings_in(tmp_path), studio, store, metrics.registry, WebDoor())) as client:
            seen = await read(client)

    assert seen["jobs_retried_total test"] == 1
    assert seen["answers_retried_total test"] == 1
    assert "jobs_accepted_total test" not in seen  # it was, in the process before


async def test_batches_and_stages_are_measured(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.batch(Batch(bucket=8, count=6, seconds=0.2, attempts=0))
    metrics.batch(Batch(bucket=8, count=8, seconds=0.3, attempts=1))
    for stage in Stage:
        metrics.stage(stage, 0.02)
    settings = settings_in(tmp_path)
    async with (
        studio_in(settings, SteeredPipeline(), None) as (studio, _, store),
        client_of(create_app(settings, studio, store, metrics.registry, WebDoor())) as client,
    ):
        seen = await read(client)

    assert seen["run_seconds_count 8"] == 2
    assert seen["run_seconds_sum 8"] == pytest.approx(0.5)
    assert seen["batch_pictures_sum"] == 14
    assert seen["batch_padding_total"] == 2
    assert seen["batches_retried_total"] == 1
    assert [seen[f"stage_seconds_count {stage}"] for stage in Stage] == [1, 1, 1]


async def test_a_stall_of_the_loop_counts_as_long_as_it_lasts() -> None:
    late: list[float] = []
    watcher = asyncio.create_task(watch_loop(late.append, every=0.01))
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    end = loop.time() + 0.2
    while loop.time() < end:  # what must never happen in the service
        pass
    while len(late) < 19:  # noqa: ASYNC110
        await asyncio.sleep(0)
    watcher.cancel()
    await asyncio.gather(watcher, return_exceptions=True)

    assert max(late) >= 0.18
    assert sum(seconds > 0.05 for seconds in late) >= 13
