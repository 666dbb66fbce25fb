"""Where this door's requests may go: Discord's own hosts, or those that the operator put in their place."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from config import Settings

OWN_HOSTS = frozenset({"discord.com", "cdn.discordapp.com", "media.discordapp.net"})
"""The API and the two that serve attachments."""


class ForeignHost(OSError):
    """A request was about to leave for a host that is not Discord's. An OSError: the SDK expects those of a network."""


def guard(settings: Settings) -> aiohttp.TraceConfig:
    """A trace for the SDK's one HTTP session that stops requests, and redirects, to any other host.

    Attachment addresses arrive from outside; this is where they would be followed. The gateway (ws, wss) is let
    through: its address comes from the settings, from the SDK, or from Discord over the authenticated connection.
    """
    allowed = OWN_HOSTS | ({urlsplit(settings.discord_api_url).hostname} if settings.discord_api_url else set())

    def check(url: yarl.URL) -> None:
        if url.scheme not in {"ws", "wss"} and url.host not in allowed:
            raise ForeignHost(f"{url.host} is not one of Discord's hosts")

    async def on_start(
        session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestStartParams
    ) -> None:
        check(params.url)

    async def on_redirect(
        session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceRequestRedirectParams
    ) -> None:
        # The same two headers that aiohttp is about to follow.
        target = params.response.headers.get("Location") or params.response.headers.get("URI") or ""
        check(params.url.join(yarl.URL(target)))

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(on_start)
    trace.on_request_redirect.append(on_redirect)
    return trace


@contextmanager
def endpoints(settings: Settings) -> Iterator[None]:
    """DISCORD_API_URL and DISCORD_GATEWAY_URL in place of Discord's own addresses, for as long as this lasts.

    discord.py has no option for either. Both are class attributes that it reads at every request and connection
    (`Route.BASE` for bot and webhook routes alike, `DEFAULT_GATEWAY` when a session begins), so they are set for the
    whole process and put back afterwards; nothing of the library is replaced.
    """
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    if settings.discord_api_url:
        Route.BASE = settings.discord_api_url.rstrip("/")
    if settings.discord_gateway_url:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.discord_gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway
