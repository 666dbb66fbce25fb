"""The secret link and the real studio: whatever holds the pictures, files or S3, deletion leaves nothing there."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from bots.studio import Studio
from bots.web import WebDoor, create_app
from bots.words import Words
from config import Settings
from storage import Database, ObjectStore, State
from tests.bots.studio_parts import SteeredPipeline, ended, settings_in, studio_in
from tests.bots.web.conftest import client_of
from tests.fakes.s3 import S3Server, s3_server


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["files", "s3"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    if request.param == "files":
        return settings_in(tmp_path)
    server: S3Server = request.getfixturevalue("s3")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return settings_in(tmp_path, storage_url=f"s3://{server.bucket}/web")


@asynccontextmanager
async def service(
    settings: Settings, pipeline: SteeredPipeline
) -> AsyncIterator[tuple[httpx.AsyncClient, Studio, Database, ObjectStore]]:
    async with studio_in(settings, pipeline, None) as (studio, database, store):
        studio.open_door(WebDoor())
        async with client_of(create_app(settings, studio, store, CollectorRegistry(), WebDoor())) as client:
            yield client, studio, database, store


async def test_a_link_shows_and_deletes_what_is_stored(settings: Settings, pipeline: SteeredPipeline) -> None:
    async with service(settings, pipeline) as (client, _, database, store):
        sent = (await client.post("/api/selfies", files={"photo": ("a", b"photo")})).json()
        assert (await ended(database, sent["id"])).state is State.DELIVERED
        page = sent["links"]["page"]
        assert (await client.get(page)).status_code == 200
        assert "/results/" in (await client.get(f"{page}/1.png")).headers["location"]
        assert len(await store.stale("", math.inf)) == 3
        wiped = (await client.post(f"{page}/delete")).json()
        assert (wiped["photos"], wiped["pictures"]) == (1, 2)
        assert await store.stale("", math.inf) == []
        assert (await client.get(page)).status_code == 404
        again = (await client.post(f"{page}/delete")).json()
        assert (again["photos"], again["pictures"]) == (0, 0)


async def test_a_link_works_after_a_restart(settings: Settings, pipeline: SteeredPipeline) -> None:
    async with service(settings, pipeline) as (client, _, database, _):
        sent = (await client.post("/api/selfies", files={"photo": ("a", b"photo")})).json()
        await ended(database, sent["id"])
    async with service(settings, pipeline) as (client, _, _, _):
        assert (await client.get(sent["links"]["page"])).status_code == 200
        assert (await client.post(f"{sent['links']['page']}/delete")).json()["pictures"] == 2


async def test_deleting_a_photo_that_is_being_painted_stops_it(settings: Settings, pipeline: SteeredPipeline) -> None:
    begun = asyncio.Event()

    async def never(photo: bytes) -> None:
        begun.set()
        await asyncio.Event().wait()

    pipeline.act = never
    async with service(settings, pipeline) as (client, studio, database, store):
        sent = (await client.post("/api/selfies", files={"photo": ("a", b"photo")})).json()
        await begun.wait()
        page = sent["links"]["page"]
        assert "Painting" in (await client.get(page)).text
        assert (await client.post(f"{page}/delete")).json()["photos"] == 1
        assert await store.stale("", math.inf) == []
        job = await database.jobs.get(sent["id"])
        assert job is not None
        assert job.state is State.CANCELLED
        assert studio.progress_of(job.id) is None
        assert (await client.get(page)).status_code == 404


async def test_a_visitor_has_everything_deleted(settings: Settings, pipeline: SteeredPipeline) -> None:
    async with service(settings, pipeline) as (client, _, database, store):
        for _ in range(2):
            sent = (await client.post("/api/selfies", files={"photo": ("a", b"photo")})).json()
            await ended(database, sent["id"])
        # From one photo, two jobs: deleting either by its link would leave the photo to the other.
        wider = (await client.post(f"{sent['links']['self']}/again?variant=wider")).json()
        await ended(database, wider["id"])
        await client.get("/?language=de")
        answer = await client.post("/api/forgetme")
        assert answer.json()["message"] == "Erledigt. Gelöscht: 2 Fotos, 6 Bilddateien."
        assert await store.stale("", math.inf) == []
        assert "language" not in client.cookies
        assert (await client.get(sent["links"]["self"])).status_code == 404
        assert (await client.post("/api/forgetme")).json()["photos"] == 0


async def test_only_the_visitor_has_it_deleted(settings: Settings, pipeline: SteeredPipeline) -> None:
    async with service(settings, pipeline) as (client, _, database, store):
        sent = (await client.post("/api/selfies", files={"photo": ("a", b"photo")})).json()
        await ended(database, sent["id"])
        refused = await client.post("/api/forgetme", headers={"Origin": "https://elsewhere.example"})
        assert refused.status_code == 403
        client.cookies.clear()
        unknown = (await client.post("/api/forgetme", headers={"Accept-Language": "de"})).json()
        assert (unknown["pictures"], unknown["known"]) == (0, False)
        assert unknown["message"] == Words.load().say("de", "page.unknown")
        assert len(await store.stale("", math.inf)) == 3
