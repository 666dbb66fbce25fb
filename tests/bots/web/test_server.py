"""The real server on a real port."""

import asyncio
import signal
import socket

import httpx
import pytest
from prometheus_client import CollectorRegistry

from bots.web import PortTaken, WebDoor, create_app, serve, server
from storage import ObjectStore
from tests.bots.web.conftest import make_settings
from tests.bots.web.fakes import FakeStudio


@pytest.fixture
def app(studio: FakeStudio, store: ObjectStore):
    return create_app(make_settings(), studio, store, CollectorRegistry(), WebDoor())


async def test_serves_on_a_free_port_and_leaves_it(app, studio: FakeStudio) -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with serve(app, make_settings(web_port=0)) as url:
        assert signal.getsignal(signal.SIGTERM) is before
        async with httpx.AsyncClient(base_url=url) as client:
            answer = await client.post("/api/selfies", files={"photo": ("a", b"x" * 90_000)})
            assert answer.status_code == 202
            assert "server" not in answer.headers
    assert studio.photos["job1"] == b"x" * 90_000
    async with httpx.AsyncClient(base_url=url) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/healthz")


async def test_a_request_in_flight_is_answered_before_the_end(studio: FakeStudio) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send) -> None:
        begun.set()
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async with httpx.AsyncClient() as client:
        async with serve(slow, make_settings(web_port=0)) as url:
            answer = asyncio.create_task(client.get(url))
            await begun.wait()
            asyncio.get_running_loop().call_soon(release.set)
        assert (await answer).text == "done"


async def test_a_port_in_use_is_named(app) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port}.*WEB_PORT"):
            async with serve(app, make_settings(web_port=port)):
                pass


async def test_an_address_of_another_machine_is_named(app) -> None:
    with pytest.raises(PortTaken, match=r"192\.0\.2\.1:8080"):
        async with serve(app, make_settings(web_host="192.0.2.1")):
            pass


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost"])
async def test_the_url_can_be_opened(app, host: str) -> None:
    async with serve(app, make_settings(web_host=host, web_port=0)) as url, httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("proxies", "expected"),
    [(("127.0.0.0/8",), [202, 202, 429]), ((), [202, 429, 429])],
    ids=["named", "not named"],
)
async def test_a_proxy_names_the_visitor_and_nobody_else_does(
    studio: FakeStudio, store: ObjectStore, proxies: tuple[str, ...], expected: list[int]
) -> None:
    app = create_app(make_settings(limits_address=1), studio, store, CollectorRegistry(), WebDoor())
    settings = make_settings(web_port=0, web_proxies=proxies)
    async with serve(app, settings) as url, httpx.AsyncClient(base_url=url) as client:
        statuses = []
        for visitor in ("198.51.100.1", "198.51.100.2", "198.51.100.1"):
            headers = {"X-Forwarded-For": visitor}
            answer = await client.post("/api/selfies", files={"photo": ("a", b"x")}, headers=headers)
            statuses.append(answer.status_code)
    assert statuses == expected


async def test_a_connection_stays_open_between_requests_for_so_long(app, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than clients and proxies keep one: what they send over one that just closes fails."""
    assert server.KEPT_ALIVE > 60
    monkeypatch.setattr(server, "KEPT_ALIVE", 1)
    async with serve(app, make_settings(web_port=0)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        assert b"200" in await reader.readline()
        async with asyncio.timeout(4):  # by itself it would be closed after five seconds
            await reader.read()
        writer.close()
