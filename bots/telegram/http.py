"""The HTTP clients of one bot, opened and closed together with its application."""

import ssl

import httpx
from telegram.request import HTTPXRequest

DOWNLOADS = 16  # at once: each may hold 20 MB


class Requests(HTTPXRequest):
    """The SDK's client with time-outs for slow uploads, and `files` beside it: the SDK reads whole bodies only."""

    def __init__(self, tls: ssl.SSLContext, connections: int) -> None:
        super().__init__(
            connection_pool_size=connections,
            connect_timeout=10.0,
            read_timeout=30.0,
            write_timeout=30.0,
            media_write_timeout=120.0,
            pool_timeout=60.0,
            httpx_kwargs={"verify": tls},
        )
        self.files = httpx.AsyncClient(
            verify=tls,
            timeout=httpx.Timeout(30.0, pool=120.0),
            limits=httpx.Limits(max_connections=DOWNLOADS),
            follow_redirects=False,
        )

    async def shutdown(self) -> None:
        await super().shutdown()
        await self.files.aclose()
