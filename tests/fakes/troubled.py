"""A server in front of another one, on loopback: it passes requests on, or answers as one that is in trouble does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum

import aiohttp
from aiohttp import web


class Trouble(Enum):
    """What becomes of a request. `HALF`: its answer breaks off; what it asked for has been done."""

    INTERNAL_ERROR = 500
    SLOW_DOWN = 503
    TOO_MANY = 429
    BROKEN = "the connection is closed at once"
    SILENCE = "no answer at all"
    HALF = "half of the answer"


@dataclass
class Troubled:
    """Requests meet `ahead`, first to last, and once that is empty the server behind.

    Args:
        address: `http://host:port` of this one.
        met: what requests have met.
    """

    address: str = ""
    ahead: list[Trouble] = field(default_factory=list)
    met: list[Trouble] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def troubled(behind: str) -> AsyncIterator[Troubled]:
    """In front of the server at `behind` as long as the block. `Host` is passed on as it came: signatures hold."""
    state = Troubled()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def answer(request: web.Request) -> web.StreamResponse:
            trouble = state.ahead.pop(0) if state.ahead else None
            if trouble is not None:
                state.met.append(trouble)
            if trouble is Trouble.SILENCE:
                await state.ended.wait()
            if trouble in (Trouble.SILENCE, Trouble.BROKEN):
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            if trouble is not None and isinstance(trouble.value, int):
                body = f"<Error><Code>{trouble.name.title().replace('_', '')}</Code></Error>"
                return web.Response(status=trouble.value, text=body, content_type="application/xml")
            async with session.request(
                request.method,
                f"{behind}{request.raw_path}",
                headers=request.headers,
                data=await request.read(),
                allow_redirects=False,
            ) as passed:
                whole = await passed.read()
                headers = {k: v for k, v in passed.headers.items() if k.lower() != "transfer-encoding"}
                if trouble is Trouble.HALF and whole:
                    response = web.StreamResponse(status=passed.status, headers=headers)
                    await response.prepare(request)
                    await response.write(whole[: len(whole) // 2])
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                return web.Response(status=passed.status, headers=headers, body=whole)

        runner = web.AppRunner(_application(answer), shutdown_timeout=1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            state.address = "http://{}:{}".format(*runner.addresses[0])
            yield state
        finally:
            state.ended.set()
            await runner.cleanup()


def _application(answer: object) -> web.Application:
    application = web.Application(client_max_size=1 << 26)
    application.router.add_route("*", "/{path:.*}", answer)  # type: ignore[arg-type]
    return application
