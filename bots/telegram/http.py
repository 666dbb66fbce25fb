"""The HTTP clients of one bot, opened and closed together with its application.

The SDK's own client is httpx, which takes several times the processor time of aiohttp for a request; requests to
Telegram are most of what the service does for a selfie.
"""

import ssl
from urllib.request import getproxies

import aiohttp
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData
from yarl import URL

DOWNLOADS = 16  # at once: each may hold 20 MB
CONNECT = 10.0  # seconds
READ = 30.0
WRITE = 30.0
WRITE_MEDIA = 120.0
POOL = 60.0  # for a connection to become free
POOL_DOWNLOAD = 120.0
KEEP = 5.0  # seconds that an idle connection is kept: not until Telegram closes it under a request


class Requests(BaseRequest):
    """Calls of the Bot API, and `files` beside them: the SDK reads whole bodies only.

    Args:
        connections: calls at once; more wait.
    """

    def __init__(self, tls: ssl.SSLContext, connections: int) -> None:
        self._tls = tls
        self._connections = connections
        self._calls: aiohttp.ClientSession | None = None
        self._files: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        return READ

    @property
    def files(self) -> aiohttp.ClientSession:
        """For downloads. Opened when first asked for: the client that only fetches updates has none.

        Raises:
            RuntimeError: not initialised.
        """
        _opened(self._calls)
        if self._files is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=POOL_DOWNLOAD, sock_connect=CONNECT, sock_read=READ)
            self._files = self._open(DOWNLOADS, timeout)
        return self._files

    async def initialize(self) -> None:
        if self._calls is None:
            self._calls = self._open(self._connections, aiohttp.ClientTimeout(total=None))

    async def shutdown(self) -> None:
        sessions = (self._calls, self._files)
        self._calls = self._files = None
        for session in sessions:
            if session is not None:
                await session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = BaseRequest.DEFAULT_NONE,
        write_timeout: object = BaseRequest.DEFAULT_NONE,
        connect_timeout: object = BaseRequest.DEFAULT_NONE,
        pool_timeout: object = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """See `BaseRequest`. Errors name no address, for that holds the token."""
        uploads = bool(request_data and request_data.contains_files)
        read = _seconds(read_timeout, READ)
        write = _seconds(write_timeout, WRITE_MEDIA if uploads else WRITE)
        pool = _seconds(pool_timeout, POOL)
        connect = _seconds(connect_timeout, CONNECT)
        # aiohttp has no time-out for writing alone: it is part of the whole. One of a read starts after the request.
        timeout = aiohttp.ClientTimeout(
            total=None if None in (read, write, pool) else (pool or 0) + (write or 0) + (read or 0),
            connect=pool,
            sock_connect=connect,
            sock_read=read,
        )
        try:
            async with _opened(self._calls).request(
                method, URL(url, encoded=True), data=_body(request_data), timeout=timeout, allow_redirects=False
            ) as response:
                return response.status, await response.read()
        except TimeoutError:
            raise TimedOut from None
        except (aiohttp.ClientError, OSError) as error:
            raise NetworkError(type(error).__name__) from None

    def _open(self, connections: int, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=self._tls, keepalive_timeout=KEEP),
            timeout=timeout,
            headers={"User-Agent": self.USER_AGENT},
            cookie_jar=aiohttp.DummyCookieJar(),
            # Proxies, as in the SDK's own client. aiohttp looks for them anew at each request, in a thread.
            trust_env=bool(getproxies()),
        )


def _opened(session: aiohttp.ClientSession | None) -> aiohttp.ClientSession:
    if session is None:
        raise RuntimeError("the bot's HTTP client is not initialised")
    return session


def _seconds(given: object, usual: float) -> float | None:
    """The caller's time-out, None being none at all; the usual one where the caller names none."""
    if given is None:
        return None
    return float(given) if isinstance(given, int | float) else usual


def _body(data: RequestData | None) -> aiohttp.FormData | dict[str, str] | None:
    if data is None:
        return None
    if not data.contains_files:
        return data.json_parameters
    form = aiohttp.FormData()
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, content_type) in data.multipart_data.items():
        form.add_field(name, content, filename=filename, content_type=content_type)
    return form
