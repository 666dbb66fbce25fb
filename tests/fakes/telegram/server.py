"""The HTTP server, and what a test does to it."""

import asyncio
import contextlib
import itertools
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from . import asking, editing, sending
from .errors import ApiError, too_many_requests
from .files import MAX_UPLOAD
from .parameters import Parameters, read_parameters
from .people import Chat
from .world import ChatState, Message, User, World

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
_METHODS = {name.lower(): (name, method) for m in (asking, editing, sending) for name, method in m.METHODS.items()}


@dataclass(frozen=True, slots=True)
class Call:
    """One call with the right token. `error`: 0 answered with ok, an error code, or -1 when nobody got an answer."""

    method: str
    values: dict[str, Any]
    chat_id: int | None
    at: float
    error: int


@dataclass
class _Trouble:
    method: str
    error: ApiError | None  # None: the connection breaks
    times: int
    chat_id: int | None
    late: bool = False  # the call is carried out first
    after: int = 0  # calls that are let through before


class FakeTelegram:
    """See the package's docstring.

    Args:
        flood_limit: messages a second that one chat takes before it answers 429; None: any number.
        burst: messages above that limit that are let through at once.
        port: 0 picks a free one.
    """

    def __init__(
        self,
        token: str = TOKEN,
        username: str = "selfie2anime_test_bot",
        *,
        flood_limit: float | None = None,
        burst: int = 1,
        port: int = 0,
    ) -> None:
        self.world = World(token, username)
        self.calls: list[Call] = []
        self.reachable = True
        self.hung_up = 0  # requests that found the server unreachable
        self._flood_limit = flood_limit
        self._burst = burst
        self._sent: dict[int, list[float]] = {}
        self._troubles: list[_Trouble] = []
        self._held: dict[str, asyncio.Event] = {}
        self._user_ids = itertools.count(5_000_001)
        self._group_ids = itertools.count(4_000_001)
        self._port = port
        self._runner: web.AppRunner | None = None
        self._delivery: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_UPLOAD + (1 << 20))
        app.router.add_route("*", "/bot{token}/{method}", self._call)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        app.router.add_route("*", "/{rest:.*}", _not_found)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self._delivery = asyncio.create_task(self.world.updates.deliver(self._answer_of_webhook))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._delivery is not None:
            self._delivery.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._delivery
        if self._runner is not None:
            await self._runner.cleanup()

    # -- where it is

    @property
    def token(self) -> str:
        return self.world.token

    @property
    def bot(self) -> User:
        return self.world.bot

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/bot"

    @property
    def file_url(self) -> str:
        return f"{self.url}/file/bot"

    # -- people and chats

    def user(self, first_name: str, language_code: str | None = "en", username: str | None = None) -> User:
        return User(next(self._user_ids), first_name, username, language_code)

    def private_chat(self, user: User) -> Chat:
        """The person's chat with the bot; the bot may write there once the person has."""
        state = self.world.chats.setdefault(user.id, ChatState(user.id, "private", user=user))
        return Chat(self.world, state, user)

    def group(
        self,
        title: str,
        *members: User,
        supergroup: bool = True,
        privacy: bool = True,
        topics: tuple[int, ...] = (),
    ) -> Chat:
        """A group with the bot in it; the first member is its creator, and who sends when no one else is named."""
        number = next(self._group_ids)
        state = ChatState(-1_000_000_000_000 - number if supergroup else -number, "group", title, opened=True)
        state.type = "supergroup" if supergroup else "group"
        state.members = {member.id: "member" for member in members} | {self.bot.id: "member"}
        state.members[members[0].id] = "creator"
        state.people = {member.id: member for member in members}
        state.threads, state.privacy = set(topics), privacy
        self.world.chats[state.id] = state
        return Chat(self.world, state, members[0])

    def channel(self, title: str) -> Chat:
        """A channel without the bot, to be named as the sender of a message."""
        state = ChatState(-1_000_000_000_000 - next(self._group_ids), "channel", title)
        return Chat(self.world, state, self.bot)

    # -- trouble

    def fail(
        self,
        method: str,
        code: int,
        description: str,
        *,
        times: int = 1,
        after: int = 0,
        chat: Chat | None = None,
        **parameters: Any,
    ) -> None:
        """Answer the next calls of a method (of one chat) with an error, once `after` of them were let through."""
        error = ApiError(code, description, **parameters)
        self._troubles.append(_Trouble(method, error, times, chat.id if chat else None, after=after))

    def flood(self, method: str, retry_after: int, *, times: int = 1, chat: Chat | None = None) -> None:
        """Answer the next calls of a method with 429."""
        self._troubles.append(_Trouble(method, too_many_requests(retry_after), times, chat.id if chat else None))

    def break_connection(self, method: str, *, times: int = 1, late: bool = False) -> None:
        """Hang up on the next calls of a method, with nothing done, or `late`: with everything done but the answer."""
        self._troubles.append(_Trouble(method, None, times, None, late))

    @contextlib.contextmanager
    def hold(self, method: str) -> Iterator[None]:
        """Let calls of a method wait, not yet carried out, until the block ends."""
        self._held[method] = asyncio.Event()
        try:
            yield
        finally:
            self._held.pop(method).set()

    def repeat(self, message: Message) -> None:
        """Send a person's message to the bot once more, as another update."""
        self.world.publish("message", message.body)

    # -- looking

    def count(self, method: str) -> int:
        return sum(call.method == method for call in self.calls)

    async def wait_call(self, method: str, count: int = 1, within: float = 10) -> Call:
        """The `count`-th call of a method, answered or refused."""

        def look() -> Call | None:
            found = [call for call in self.calls if call.method == method]
            return found[count - 1] if len(found) >= count else None

        return await self.world.until(look, within, lambda: f"call {count} of {method}")

    async def wait_until(self, condition: Callable[[], bool], within: float = 10) -> None:
        """Any condition, looked at after every call and change."""
        await self.world.until(lambda: condition() or None, within, lambda: "the condition")

    async def wait_refused(self, count: int, within: float = 10) -> None:
        """At least so many requests found the server unreachable."""
        await self.world.until(lambda: self.hung_up >= count, within, lambda: f"{count} refused connections")

    async def wait_polled(self, within: float = 10) -> None:
        """A long poll is waiting for updates."""
        await self.world.until(lambda: self.world.updates.polled, within, lambda: "a long poll")

    async def wait_confirmed(self, within: float = 10) -> None:
        """No update is left that the bot has not confirmed (its next getUpdates, or the webhook's 2xx)."""
        await self.world.until(lambda: not self.world.updates.pending, within, lambda: "confirmation of all updates")

    # -- HTTP

    async def _call(self, request: web.Request) -> web.StreamResponse:
        if not self.reachable:
            self.hung_up += 1
            self.world.touch()
            return _hang_up(request)
        token, name = request.match_info["token"], request.match_info["method"]
        try:
            if not re.fullmatch(r"\d+:[\w-]+", token):
                raise ApiError(404, "Not Found")
            if token != self.token:
                raise ApiError(401, "Unauthorized")
            if name.lower() not in _METHODS:
                raise ApiError(404, "Not Found: method not found")
            parameters = await read_parameters(request)
            return web.json_response({"ok": True, "result": await self._carry_out(name, parameters)})
        except ApiError as error:
            headers = {"Retry-After": str(error.parameters["retry_after"])} if error.code == 429 else None
            return web.json_response(error.to_json(), status=error.code, headers=headers)
        except ConnectionAbortedError:
            return _hang_up(request)

    async def _carry_out(self, name: str, parameters: Parameters) -> Any:
        name, method = _METHODS[name.lower()]
        text = parameters.text("chat_id") or ""
        chat_id = int(text) if re.fullmatch(r"-?\d+", text) else None
        if held := self._held.get(name):
            await held.wait()
        error = -1
        try:
            self._meet_trouble(name, chat_id, late=False)
            self._keep_pace(name, chat_id)
            result = await method(self.world, parameters)
            self._meet_trouble(name, chat_id, late=True)
            error = 0
            return result
        except ApiError as refusal:
            error = refusal.code
            raise
        finally:
            now = asyncio.get_running_loop().time()
            self.calls.append(Call(name, dict(parameters.values), chat_id, now, error))
            self.world.touch()

    def _meet_trouble(self, name: str, chat_id: int | None, *, late: bool) -> None:
        for trouble in self._troubles:
            meant = trouble.method == name and trouble.late == late and trouble.chat_id in {None, chat_id}
            if meant and trouble.after > 0:
                trouble.after -= 1
            elif meant and trouble.times > 0:
                trouble.times -= 1
                if trouble.error is None:
                    raise ConnectionAbortedError
                raise trouble.error

    def _keep_pace(self, name: str, chat_id: int | None) -> None:
        if self._flood_limit and chat_id is not None and name.startswith("send") and name != "sendChatAction":
            now = asyncio.get_running_loop().time()
            window = self._burst / self._flood_limit
            recent = [at for at in self._sent.get(chat_id, []) if at > now - window]
            if len(recent) >= self._burst:
                raise too_many_requests(math.ceil(recent[0] + window - now))
            self._sent[chat_id] = [*recent, now]

    async def _answer_of_webhook(self, name: str, parameters: Parameters) -> None:
        with contextlib.suppress(ApiError, KeyError):  # as on Telegram, nobody learns whether it worked
            await self._carry_out(name, parameters)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if not self.reachable:
            return _hang_up(request)
        file = self.world.files.at(request.match_info["path"])
        if request.match_info["token"] != self.token or file is None:
            return await _not_found(request)
        return web.Response(body=file.data, content_type="application/octet-stream")


async def _not_found(request: web.Request) -> web.Response:
    return web.json_response(ApiError(404, "Not Found").to_json(), status=404)


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
