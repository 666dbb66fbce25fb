"""Updates on their way to the bot: long polling with confirmed offsets, or a webhook with retries."""

import asyncio
import contextlib
import itertools
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from .errors import bad_request, conflict
from .parameters import Parameters

_NOT_BY_DEFAULT = {"chat_member", "message_reaction", "message_reaction_count"}


@dataclass
class Webhook:
    url: str = ""
    secret: str | None = None
    max_connections: int = 40
    allowed: list[str] | None = None
    last_error: str | None = None
    deliveries: list[int] = field(default_factory=list)  # HTTP status of every attempt, 0 when there was none

    def to_json(self, pending: int) -> dict[str, Any]:
        body: dict[str, Any] = {"url": self.url, "has_custom_certificate": False, "pending_update_count": pending}
        if self.url:
            body["max_connections"] = self.max_connections
        if self.last_error:
            body |= {"last_error_date": 1_700_000_000, "last_error_message": self.last_error}
        return body


class Updates:
    """Unconfirmed updates, oldest first. `changed` is called whenever some were confirmed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.pending: list[dict[str, Any]] = []
        self.webhook = Webhook()
        self.retry_delay = 0.05  # seconds before a webhook call is repeated; Telegram takes longer
        self._ids = itertools.count(700_000_001)
        self._allowed: list[str] | None = None
        self._news = asyncio.Event()
        self._poll: asyncio.Future[None] | None = None

    def add(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        update = json.loads(json.dumps({"update_id": next(self._ids), kind: body}))  # later edits leave it alone
        if self._wanted(kind):
            self.repeat(update)
        return update

    def repeat(self, update: dict[str, Any]) -> None:
        """Queue an update (again), as after a crash before its confirmation."""
        self.pending.append(update)
        self._notify()

    @property
    def polled(self) -> bool:
        """Whether a poll is under way."""
        return self._poll is not None and not self._poll.done()

    def _wanted(self, kind: str) -> bool:
        allowed = self.webhook.allowed if self.webhook.url else self._allowed
        return kind in allowed if allowed else kind not in _NOT_BY_DEFAULT

    def _notify(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def poll(self, parameters: Parameters) -> list[dict[str, Any]]:
        """getUpdates."""
        if self.webhook.url:
            raise conflict(
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            )
        if self._poll is not None and self.polled:
            self._poll.set_exception(
                conflict("terminated by other getUpdates request; make sure that only one bot instance is running")
            )
        if "allowed_updates" in parameters:
            self._allowed = parameters.structure("allowed_updates")
        offset = parameters.number("offset", 0) or 0
        limit = min(max(parameters.number("limit", 100) or 100, 1), 100)
        if offset < 0:
            self.pending = self.pending[offset:]
        else:
            self.pending = [update for update in self.pending if update["update_id"] >= offset]
        mine = self._poll = asyncio.get_running_loop().create_future()
        self._changed()
        try:
            async with asyncio.timeout(min(parameters.number("timeout", 0) or 0, 50)):
                while not self.pending:
                    news = asyncio.ensure_future(self._news.wait())
                    try:
                        await asyncio.wait({mine, news}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        news.cancel()
                    if mine.done():
                        mine.result()
        except TimeoutError:
            return []
        finally:
            if mine.done():
                mine.exception()  # seen, also when this request was abandoned in the meantime
            else:
                mine.cancel()
        return self.pending[:limit]

    def set_webhook(self, parameters: Parameters) -> bool:
        url = parameters.text("url") or ""
        parts = urlsplit(url)
        # Plain http is for the same machine alone, as on a local Bot API server.
        if url and parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost"}:
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        secret = parameters.text("secret_token")
        if secret is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
            raise bad_request("secret token contains unallowed characters")
        if parameters.flag("drop_pending_updates"):
            self.pending.clear()
        count = parameters.number("max_connections", 40) or 40
        self.webhook = Webhook(url, secret, min(max(count, 1), 100), parameters.structure("allowed_updates"))
        if self._poll is not None and self.polled:
            self._poll.set_exception(conflict("terminated by setWebhook request"))
        self._notify()
        return True

    async def deliver(self, answer: Callable[[str, Parameters], Awaitable[Any]]) -> None:
        """Post pending updates to the webhook, one after another, again and again until it says 2xx.

        A call that the webhook's answer names in `method` is passed on to `answer`.
        """
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            while True:
                if not (self.webhook.url and self.pending):
                    await self._news.wait()
                    continue
                hook, update = self.webhook, self.pending[0]
                status, reply = await _post(session, hook, update)
                hook.deliveries.append(status)
                if 200 <= status < 300:
                    hook.last_error = None
                    with contextlib.suppress(ValueError):
                        self.pending.remove(update)
                    self._changed()
                    if "method" in reply:
                        await answer(str(reply.pop("method")), Parameters(reply))
                else:
                    hook.last_error = f"Wrong response from the webhook: {status}" if status else "Connection failed"
                    self._changed()
                    await asyncio.sleep(self.retry_delay)


async def _post(session: aiohttp.ClientSession, hook: Webhook, update: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    headers = {"X-Telegram-Bot-Api-Secret-Token": hook.secret} if hook.secret else {}
    try:
        async with session.post(hook.url, json=update, headers=headers, allow_redirects=False) as response:
            text = await response.text()
            try:
                reply = json.loads(text)
            except ValueError:
                reply = {}
            return response.status, reply if isinstance(reply, dict) else {}
    except (aiohttp.ClientError, TimeoutError):
        return 0, {}
