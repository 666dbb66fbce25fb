"""A fleet: the real studio, real queues over HTTP, real workers, and a network that paints at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from bots.fleet import Fleet
from bots.requests import Stage
from bots.studio import Studio
from config import Settings
from inference import Options
from inference.errors import EngineFailed, NoFace
from inference.metrics import WorkerMetrics
from inference.orders import Order, Report
from inference.worker import Worker
from storage import Database, FileStore, ObjectMissing, ObjectStore, State, StorageError
from storage.keys import painted_keys
from storage.sqs import Queues, open_sqs
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


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker gives back may be taken at once."""
    monkeypatch.setattr("inference.worker.AGAIN", 0)


@asynccontextmanager
async def fleet_in(tmp_path: Path, queues: Queues, deadline: float) -> AsyncIterator[Fleet]:
    async with (
        FileStore(tmp_path / "objects", secret=b"") as store,
        Fleet(queues, store, version="1", deadline=deadline).listening() as fleet,
    ):
        yield fleet


async def waiting_in(queue: str) -> int:
    async with open_sqs() as client:
        url = (await client.get_queue_url(QueueName=queue))["QueueUrl"]
        answer = await client.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])


@dataclass(frozen=True, slots=True)
class Service:
    """A studio whose photos are painted by a fleet."""

    fleet: Fleet
    studio: Studio
    db: Database
    store: ObjectStore


@asynccontextmanager
async def service_in(settings: Settings, queues: Queues, door: RecordingDoor) -> AsyncIterator[Service]:
    folder = settings.database_path.parent
    async with (
        fleet_in(folder, queues, settings.limits_deadline) as fleet,
        studio_in(settings, fleet, door) as (studio, database, store),
    ):
        yield Service(fleet, studio, database, store)


@asynccontextmanager
async def working(
    tmp_path: Path,
    queues: Queues,
    pipeline: SteeredPipeline,
    store: FileStore | None = None,
    metrics: WorkerMetrics | None = None,
) -> AsyncIterator[Worker]:
    """A worker on the same store, which ends at once with the block."""
    stop = asyncio.Event()
    store = store or FileStore(tmp_path / "objects", secret=b"")
    worker = Worker(pipeline, store, queues, metrics=metrics, pause=0.001)  # type: ignore[arg-type]
    task = asyncio.create_task(worker.run(stop, grace=0))
    try:
        yield worker
    finally:
        stop.set()
        await task


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_a_photo_is_painted_elsewhere_and_delivered(tmp_path, queues, door):
    worker = SteeredPipeline()
    async with service_in(settings_in(tmp_path), queues, door) as at:
        assert at.studio.ready
        job = await at.studio.accept(request(), chunks(b"photo"))
        assert (await reached(at.db, job.id, frozenset({State.RUNNING}))).state is State.RUNNING
        async with working(tmp_path, queues, worker):
            done = await ended(at.db, job.id)
        assert done.state is State.DELIVERED
        [(_, delivery)] = door.delivered
        assert [(picture.png, picture.original) for picture in delivery.pictures] == [
            (b"anime of photo", b"crop of photo")
        ]
        assert left_in(tmp_path / "objects") == sorted([*done.stored_inputs, *done.results])
    assert worker.painted == [b"photo"]


async def test_an_album_and_its_bad_photo(tmp_path, queues, door):
    worker = SteeredPipeline()

    async def act(photo):
        if photo == b"nobody":
            raise NoFace("none found")

    worker.act = act
    async with service_in(settings_in(tmp_path), queues, door) as at, working(tmp_path, queues, worker):
        photos = (b"one", b"nobody", b"two")
        done = await ended(at.db, (await at.studio.accept(request(), *(chunks(photo) for photo in photos))).id)
    assert done.missed == ("", "no_face", "")
    assert [picture.png for picture in door.delivered[0][1].pictures] == [b"anime of one", b"anime of two"]


async def test_why_there_is_no_picture_comes_back_as_a_code(tmp_path, queues, door):
    worker = SteeredPipeline()

    async def act(_photo):
        raise NoFace("none found")

    worker.act = act
    async with service_in(settings_in(tmp_path), queues, door) as at, working(tmp_path, queues, worker):
        done = await ended(at.db, (await at.studio.accept(request(), chunks(b"photo"))).id)
    assert (done.state, done.code) == (State.FAILED, "no_face")


async def test_what_three_workers_could_not_finish_is_told(tmp_path, queues, door):
    worker, tries, metrics = SteeredPipeline(), [], WorkerMetrics()

    async def act(photo):
        tries.append(photo)
        raise RuntimeError("nobody foresaw this")

    worker.act = act
    async with (
        service_in(settings_in(tmp_path), queues, door) as at,
        working(tmp_path, queues, worker, metrics=metrics),
    ):
        done = await ended(at.db, (await at.studio.accept(request(), chunks(b"photo"))).id, within=60)
    assert (done.state, done.code) == (State.FAILED, "engine_failed")
    assert len(tries) == 3
    given_back = {"outcome": "given_back"}
    assert metrics.registry.get_sample_value("selfie2anime_orders_ended_total", given_back) == 3


async def test_what_one_machine_can_not_paint_another_may(tmp_path, queues, door):
    broken, tried = SteeredPipeline(), asyncio.Event()

    async def act(_photo):
        tried.set()
        raise EngineFailed("this machine's fault")

    broken.act = act
    async with service_in(settings_in(tmp_path), queues, door) as at:
        job = await at.studio.accept(request(), chunks(b"photo"))
        async with working(tmp_path, queues, broken):
            await tried.wait()
        async with working(tmp_path, queues, SteeredPipeline()):
            assert (await ended(at.db, job.id)).state is State.DELIVERED


async def test_a_worker_whose_engines_are_all_given_up_takes_no_orders(tmp_path, queues):
    pipeline = SteeredPipeline()
    pipeline.engines = [SimpleNamespace(failure=EngineFailed("no such device"))]
    worker = Worker(pipeline, FileStore(tmp_path, secret=b""), queues)
    await queues.orders.send("an order")
    with pytest.raises(EngineFailed, match="no engine can paint any more: no such device"):
        await worker.run(asyncio.Event(), grace=0)
    assert len(await queues.orders.receive()) == 1


async def test_without_workers_the_oldest_job_grows_older(tmp_path, queues, door, monkeypatch):
    async with service_in(settings_in(tmp_path), queues, door) as at:
        assert at.studio.queue().oldest == 0
        job = await at.studio.accept(request(), chunks(b"photo"))
        await door.until(lambda: any(progress.stage is Stage.PAINTING for _, progress in door.shown))
        monkeypatch.setattr(at.studio, "_clock", lambda: job.created_at + 700)
        assert (at.studio.queue().painting, at.studio.queue().oldest) == (1, 700)
        async with working(tmp_path, queues, SteeredPipeline()):
            await ended(at.db, job.id)
        assert at.studio.queue().oldest == 0


async def test_without_workers_people_are_told_in_the_end(tmp_path, queues, door):
    async with service_in(settings_in(tmp_path, limits_deadline=1), queues, door) as at:
        done = await ended(at.db, (await at.studio.accept(request(), chunks(b"photo"))).id)
        assert done.code == "expired"


async def test_a_worker_that_is_stopped_gives_its_order_back(tmp_path, queues, door):
    slow, begun = SteeredPipeline(), asyncio.Event()

    async def act(_photo):
        begun.set()
        await asyncio.Event().wait()

    slow.act = act
    async with service_in(settings_in(tmp_path), queues, door) as at:
        job = await at.studio.accept(request(), chunks(b"photo"))
        async with working(tmp_path, queues, slow):
            await begun.wait()
        async with working(tmp_path, queues, SteeredPipeline()):
            assert (await ended(at.db, job.id)).state is State.DELIVERED
    assert len(door.delivered) == 1


async def test_an_order_is_kept_hidden_while_it_is_painted(tmp_path, queues, monkeypatch):
    monkeypatch.setattr("inference.worker.BEAT", 0.01)
    beats, painted = [], asyncio.Event()
    hide = queues.orders.hide

    async def counted(message, seconds=60):
        beats.append(seconds)
        await hide(message, seconds)

    monkeypatch.setattr(queues.orders, "hide", counted)
    slow = SteeredPipeline()

    async def act(_photo):
        while len(beats) < 3:  # noqa: ASYNC110 - beats tell nobody
            await asyncio.sleep(0.01)
        painted.set()

    slow.act = act
    async with FileStore(tmp_path / "objects", secret=b"") as store:
        await store.put("inputs/a/1", b"photo", "image/png")
    await queues.orders.send(Order("a", 1, "inputs/a/1", Options().to_json()).to_json())
    async with working(tmp_path, queues, slow):
        await asyncio.wait_for(painted.wait(), 20)
        (message,) = await queues.results.receive()
    assert Report.from_json(message.body).pictures == painted_keys("a", 1, 1)
    assert beats[:3] == [60, 60, 60]


async def test_an_outage_of_the_store_is_not_the_photos_fault(tmp_path, queues, door):
    class Flaky(FileStore):
        failures = 5

        async def get(self, key):
            if self.failures:
                self.failures -= 1
                raise StorageError("unreachable", "503")
            return await super().get(key)

    flaky = Flaky(tmp_path / "objects", secret=b"")
    async with (
        service_in(settings_in(tmp_path), queues, door) as at,
        working(tmp_path, queues, SteeredPipeline(), flaky),
    ):
        job = await at.studio.accept(request(), chunks(b"photo"))
        assert (await ended(at.db, job.id)).state is State.DELIVERED
    assert flaky.failures == 0


class Forbidding(FileStore):
    """Refuses photos, and with `all` whatever it is asked."""

    all = False

    async def get(self, key):
        raise StorageError("denied", f"No right to GetObject of {key}")

    async def check(self):
        if self.all:
            raise StorageError("denied", "No right to anything")


async def test_a_photo_that_the_store_forbids_takes_no_workers_place_for_good(tmp_path, queues, door):
    forbidding = Forbidding(tmp_path / "objects", secret=b"")
    async with (
        service_in(settings_in(tmp_path), queues, door) as at,
        working(tmp_path, queues, SteeredPipeline(), forbidding),
    ):
        job = await at.studio.accept(request(), chunks(b"photo"))
        assert (await ended(at.db, job.id, within=60)).code == "engine_failed"


async def test_a_worker_whom_the_store_refuses_everything_makes_no_dead_letters(tmp_path, queues, door):
    forbidding = Forbidding(tmp_path / "objects", secret=b"")
    forbidding.all = True
    worker = Worker(SteeredPipeline(), forbidding, queues, pause=0.001)
    async with service_in(settings_in(tmp_path), queues, door) as at:
        job = await at.studio.accept(request(), chunks(b"photo"))
        with pytest.raises(StorageError, match="No right to anything"):
            async with asyncio.timeout(20):
                await worker.run(asyncio.Event(), grace=20)
        async with working(tmp_path, queues, SteeredPipeline()):
            assert (await ended(at.db, job.id)).state is State.DELIVERED


async def test_a_photo_that_is_gone_is_told(tmp_path, queues, door):
    async with service_in(settings_in(tmp_path), queues, door) as at:
        job = await at.studio.accept(request(), chunks(b"photo"))
        await at.store.delete(job.stored_inputs)
        async with working(tmp_path, queues, SteeredPipeline()):
            assert (await ended(at.db, job.id)).code == "engine_failed"


async def test_what_is_cancelled_meanwhile_leaves_nothing_behind(tmp_path, queues, door):
    slow, begun, go = SteeredPipeline(), asyncio.Event(), asyncio.Event()

    async def act(_photo):
        begun.set()
        await go.wait()

    slow.act = act
    async with service_in(settings_in(tmp_path), queues, door) as at:
        job = await at.studio.accept(request(), chunks(b"photo"))
        async with working(tmp_path, queues, slow):
            await begun.wait()
            await at.studio.forget(job.person)
            go.set()
            async with asyncio.timeout(20):
                while not slow.painted or left_in(tmp_path / "objects"):  # noqa: ASYNC110 - files tell nobody
                    await asyncio.sleep(0.05)
        with pytest.raises(ObjectMissing):
            await at.store.get(painted_keys(job.id, 1, 1)[0])
    assert door.delivered == []


async def test_after_a_restart_what_was_ordered_is_answered_once(tmp_path, queues, door):
    settings = settings_in(tmp_path, limits_grace=0)
    async with service_in(settings, queues, door) as at:
        job = await at.studio.accept(request(), chunks(b"photo"))
        async with asyncio.timeout(20):
            while not await waiting_in("selfies"):  # noqa: ASYNC110 - nor do queues
                await asyncio.sleep(0.01)
    worker = SteeredPipeline()
    async with service_in(settings, queues, door) as at, working(tmp_path, queues, worker):
        assert (await ended(at.db, job.id)).state is State.DELIVERED
        async with asyncio.timeout(20):
            while len(worker.painted) < 2:  # noqa: ASYNC110 - both orders, the second for nothing
                await asyncio.sleep(0.01)
    assert len(door.delivered) == 1


async def test_kills_of_the_service_are_not_held_against_what_is_ordered(tmp_path, queues, door):
    settings = settings_in(tmp_path, limits_grace=0)
    async with service_in(settings, queues, door) as at:
        job = await at.studio.accept(request(), chunks(b"photo"))
    async with Database(settings.database_path) as database:
        for _ in range(4):
            await database.jobs.advance(job.id, State.QUEUED)
            await database.jobs.advance(job.id, State.RUNNING)
    async with service_in(settings, queues, door) as at, working(tmp_path, queues, SteeredPipeline()):
        assert (await ended(at.db, job.id)).state is State.DELIVERED


async def test_an_old_report_whose_pictures_are_used_up_is_not_the_answer(tmp_path, queues, door):
    async with service_in(settings_in(tmp_path), queues, door) as at:
        job = await at.studio.accept(request(), chunks(b"photo"))
        await reached(at.db, job.id, frozenset({State.RUNNING}))
        await queues.results.send(Report(job.id, 1, painted_keys(job.id, 1, 1), 256, 1).to_json())
        await queues.results.send("no report")
        async with asyncio.timeout(20):
            while not at.fleet._reported:  # noqa: ASYNC110 - the listener tells nobody
                await asyncio.sleep(0.01)
        async with working(tmp_path, queues, SteeredPipeline()):
            assert (await ended(at.db, job.id)).state is State.DELIVERED


async def test_the_pace_is_told_by_reports(tmp_path, queues):
    now = 0.0
    fleet = Fleet(queues, FileStore(tmp_path, secret=b""), version="1", deadline=60, clock=lambda: now)
    assert fleet.seconds_for(3) is None
    for now in (0.0, 1.0, 2.0, 3.0):
        fleet._reported.append(now)
    now = 4.0
    assert fleet.seconds_per_picture() == 1.0
    assert fleet.seconds_for(3) == 3.0
    now = 500.0
    assert fleet.seconds_per_picture() is None
