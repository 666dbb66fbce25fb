"""Discord over real HTTP and a real websocket: as much of it as one interaction needs."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

TOKEN = "fake.bot.token"
USER = {"id": "42", "username": "anime", "discriminator": "0", "avatar": None, "bot": True}
APPLICATION = {"id": "42", "name": "anime", "icon": None, "description": "", "flags": 0, "verify_key": "", "team": None}
APPLICATION |= {"bot_public": True, "bot_require_code_grant": False, "summary": "", "owner": USER}
HELLO, HEARTBEAT, ACK, IDENTIFY, RESUME = 10, 1, 11, 2, 6


def answer(data: Any, status: int = 200) -> web.Response:
    # No charset: like Discord, and the SDK reads JSON under exactly this type only.
    return web.Response(body=json.dumps(data).encode(), status=status, headers={"Content-Type": "application/json"})


@dataclass
class FakeDiscord:
    """What it has seen and what it serves.

    Args:
        failures: statuses that the next logins are answered with.
        close_code: the gateway hangs up on IDENTIFY with this code.
    """

    photo: bytes = b""
    failures: list[int] = field(default_factory=list)
    close_code: int | None = None
    port: int = 0
    logins: int = 0
    sync: Any = None
    callbacks: list[Any] = field(default_factory=list)
    edits: list[dict[str, bytes]] = field(default_factory=list)
    edited: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    socket: web.WebSocketResponse | None = None
    identified: asyncio.Event = field(default_factory=asyncio.Event)
    resumed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/gateway"

    async def me(self, request: web.Request) -> web.Response:
        self.logins += 1
        if self.failures:
            return answer({"code": 0, "message": "no"}, status=self.failures.pop(0))
        if request.headers["Authorization"] != f"Bot {TOKEN}":
            return answer({"code": 0, "message": "401: Unauthorized"}, status=401)
        return answer(USER)

    async def application(self, request: web.Request) -> web.Response:
        return answer(APPLICATION)

    async def commands(self, request: web.Request) -> web.Response:
        self.sync = await request.json()
        return answer([])

    async def callback(self, request: web.Request) -> web.Response:
        self.callbacks.append(await request.json())
        made = {"id": request.match_info["id"], "type": 2, "response_message_id": "77"}
        return answer({"interaction": made})

    async def edit(self, request: web.Request) -> web.Response:
        parts: dict[str, bytes] = {"token": request.match_info["token"].encode()}
        if request.content_type == "multipart/form-data":
            async for part in await request.multipart():
                parts[part.filename or part.name] = await part.read()
        else:
            parts["payload_json"] = await request.read()
        self.edits.append(parts)
        self.edited.set()
        message = {"id": "77", "channel_id": "5", "content": "", "author": USER, "attachments": [], "embeds": []}
        message |= {"mentions": [], "mention_roles": [], "mention_everyone": False, "type": 20, "pinned": False}
        message |= {"tts": False, "timestamp": "2026-01-01T00:00:00+00:00", "edited_timestamp": None, "flags": 0}
        return answer(message)

    async def attachment(self, request: web.Request) -> web.Response:
        return web.Response(body=self.photo)

    async def elsewhere(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://localhost:{self.port}/attachments/me.png")

    async def gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": HELLO, "d": {"heartbeat_interval": 45_000}, "s": None, "t": None})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            op = json.loads(message.data)["op"]
            if op == HEARTBEAT:
                await socket.send_json({"op": ACK, "d": None, "s": None, "t": None})
            elif op == IDENTIFY and self.close_code is not None:
                await socket.close(code=self.close_code)
            elif op == IDENTIFY:
                ready = {"v": 10, "user": USER, "guilds": [], "application": {"id": "42", "flags": 0}}
                ready |= {"session_id": "s", "resume_gateway_url": "wss://elsewhere.invalid/"}
                self.socket = socket
                await self.dispatch("READY", ready)
                self.identified.set()
            elif op == RESUME:
                self.socket = socket
                self.resumed.set()
        self.gone.set()
        return socket

    async def dispatch(self, event: str, data: dict[str, Any]) -> None:
        assert self.socket is not None
        await self.socket.send_json({"op": 0, "s": 1, "t": event, "d": data})

    async def slash(self, path: str = "/attachments/me.png", host: str = "127.0.0.1", locale: str = "en-US") -> None:
        """Somebody types /anime in a direct message, with a photo that is at `path` on `host`."""
        url = f"http://{host}:{self.port}{path}"
        photo = {"id": "9", "filename": "me.png", "size": len(self.photo), "url": url, "proxy_url": url}
        photo["content_type"] = "image/png"
        person = {"id": "7", "username": "ann", "discriminator": "0", "avatar": None, "global_name": None}
        option = {"name": "photo", "type": 11, "value": "9"}
        data = {"id": "3", "name": "anime", "type": 1, "resolved": {"attachments": {"9": photo}}, "options": [option]}
        interaction = {"id": "6", "application_id": "42", "type": 2, "token": "interaction-secret", "version": 1}
        interaction |= {"data": data, "channel_id": "5", "channel": {"id": "5", "type": 1, "recipients": [person]}}
        interaction |= {"user": person, "locale": locale, "entitlements": [], "authorizing_integration_owners": {}}
        interaction |= {"context": 1, "app_permissions": "0", "attachment_size_limit": 10_485_760}
        await self.dispatch("INTERACTION_CREATE", interaction)


@contextlib.asynccontextmanager
async def serve(fake: FakeDiscord) -> AsyncIterator[FakeDiscord]:
    """Listen on a free port of 127.0.0.1 while this lasts."""
    app = web.Application()
    app.router.add_get("/api/v10/users/@me", fake.me)
    app.router.add_get("/api/v10/oauth2/applications/@me", fake.application)
    app.router.add_put("/api/v10/applications/42/commands", fake.commands)
    app.router.add_post("/api/v10/interactions/{id}/{token}/callback", fake.callback)
    app.router.add_patch("/api/v10/webhooks/42/{token}/messages/{message}", fake.edit)
    app.router.add_get("/attachments/me.png", fake.attachment)
    app.router.add_get("/redirect", fake.elsewhere)
    app.router.add_get("/gateway", fake.gateway)
    app.router.add_get("/gateway/", fake.gateway)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.port = runner.addresses[0][1]
    try:
        yield fake
    finally:
        await runner.cleanup()
