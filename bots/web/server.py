"""Runs the web door on its port, for as long as its context lasts."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Generator

import uvicorn
from starlette.types import ASGIApp

from config import ConfigError, Settings

# Seconds between two requests, as nginx has it: what clients and proxies send over a connection that just closes fails.
KEPT_ALIVE = 75
GRACE = 10.0  # seconds at most for requests in flight; no answer here takes longer than an upload's tail


class PortTaken(ConfigError):
    """The address cannot be listened on; the text says which and what to do."""


class _Server(uvicorn.Server):
    """Leaves the signals to whoever runs the service, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextlib.asynccontextmanager
async def serve(app: ASGIApp, settings: Settings) -> AsyncIterator[str]:
    """Listen on WEB_HOST and WEB_PORT (0: a free one); yields the address that was really taken, as a URL.

    Raises:
        PortTaken: somebody else listens there, or the address is not this machine's.
    """
    listener = _listen(settings.web_host, settings.web_port)
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,  # its lines would hold signed links
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.web_proxies),
        timeout_keep_alive=KEPT_ALIVE,
        timeout_graceful_shutdown=int(min(GRACE, settings.limits_grace)),
    )
    server = _Server(config)
    with listener:
        running = asyncio.create_task(server.serve([listener]), name="web server")
        listening = asyncio.create_task(server.listening.wait())
        try:
            await asyncio.wait({running, listening}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            yield _url(settings.web_host, listener.getsockname()[1])
        finally:
            listening.cancel()
            server.should_exit = True
            await running


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PortTaken(
            f"Cannot listen on {host}:{port}: {error.strerror}. Set WEB_HOST to another address."
        ) from error
    try:
        # A port that a stopped service just left is free again; one that is listened on stays taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2_048)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"Cannot listen on {host}:{port}: {error.strerror}. "
            "Stop what listens there, or set WEB_PORT to another port (0 picks a free one)."
        ) from error
    return listener


def _url(host: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
