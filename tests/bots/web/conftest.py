from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from bots.web import WebDoor, create_app
from config import Settings
from storage import ObjectStore, open_store
from tests.bots.web.fakes import FakeStudio

Client = httpx.AsyncClient


def make_settings(**changes: object) -> Settings:
    """Settings of the test alone: neither .env nor a file of the machine's is read."""
    return Settings(_env_file=None, **({"web_port": 8080, "limits_photo_bytes": 100_000} | changes))  # type: ignore[arg-type]


def client_of(app: object, **changes: object) -> Client:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    return Client(transport=transport, base_url="http://127.0.0.1:8080", **changes)  # type: ignore[arg-type]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    async with open_store(f"file:{tmp_path}/objects", secret=b"s" * 32) as opened:  # type: ignore[attr-defined]
        yield opened


@pytest.fixture
def studio(store: ObjectStore) -> FakeStudio:
    return FakeStudio(store)


@pytest.fixture
def door() -> WebDoor:
    return WebDoor()


@pytest.fixture
async def open_client(studio: FakeStudio, store: ObjectStore, door: WebDoor) -> AsyncIterator[Callable[..., Client]]:
    """Makes a client of an app with these settings."""
    clients: list[Client] = []

    def opened(**changes: object) -> Client:
        clients.append(client_of(create_app(make_settings(**changes), studio, store, CollectorRegistry(), door)))
        return clients[-1]

    yield opened
    for one in clients:
        await one.aclose()


@pytest.fixture
def client(open_client: Callable[..., Client]) -> Client:
    return open_client()
