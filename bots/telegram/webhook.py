"""Updates that Telegram posts to the service's own web server.

Telegram repeats an update until it is answered with 2xx (https://core.telegram.org/bots/api#setwebhook). It gets that
answer when the update is dealt with, which for a photo means: written down. An item of an album is kept until then (see
`bots.telegram.keeper`). The same one again, while it is being dealt with or after, is dealt with no second time.
"""

import asyncio
import hmac
import json
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Request, Response
from telegram import Bot, Update
from telegram.error import InvalidToken, RetryAfter, TelegramError

from bots.telegram.backoff import asked_pause

log = structlog.get_logger(__name__)

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
LONGEST = 1 << 20  # bytes of one update, which names files and does not hold them
WATCH_EVERY = 60.0  # seconds; nothing else tells that Telegram posts here no more
DONE_KEPT = 4_096  # updates known to be dealt with


class Webhook:
    """Args:
    secret: what Telegram was told to send along.
    ready: updates are taken while it is set; before and after, Telegram is told to come again.
    handle: deals with one update, or keeps it; False when it must come again after a restart.

    Attributes:
        online: whether Telegram answered when it was last asked, and posts here.
    """

    def __init__(
        self, bot: Bot, secret: str, ready: asyncio.Event, handle: Callable[[Update], Coroutine[Any, Any, bool]]
    ) -> None:
        self.online = True  # it has just taken the address
        self._bot = bot
        self._secret = secret.encode()
        self._ready = ready
        self._handle = handle
        self._under_way: dict[int, asyncio.Task[bool]] = {}
        self._done: OrderedDict[int, None] = OrderedDict()

    def mount(self, app: FastAPI, url: str) -> None:
        """Answer at the path of that address."""
        app.add_route(urlsplit(url).path or "/", self.answer, methods=["POST"], include_in_schema=False)

    async def watch(self) -> None:
        """Ask Telegram now and then, until cancelled, whether it still posts here.

        Raises:
            InvalidToken: Telegram no longer takes the token.
        """
        ours = ""  # the address as Telegram writes it
        while True:
            try:
                info = await self._bot.get_webhook_info()
            except InvalidToken:
                self.online = False
                raise
            except RetryAfter as error:  # it answers, if only that
                await asyncio.sleep(asked_pause(error))
            except TelegramError as error:
                self.online = False
                log.warning("Telegram does not answer", why=str(error))
            except Exception:  # an answer that the SDK can't read: no reason to look no more
                self.online = False
                log.exception("Telegram's answer not understood")
            else:
                ours = ours or info.url
                if info.url != ours and self.online:
                    log.error("another program took the webhook of this TELEGRAM_TOKEN; a restart takes it back")
                self.online = info.url == ours
            await asyncio.sleep(WATCH_EVERY)

    async def answer(self, request: Request) -> Response:
        """200 dealt with, 400 no update, 403 wrong secret (nothing is read then), 413 too long, 503 come again."""
        given = request.headers.get(SECRET_HEADER, "").encode()
        if not hmac.compare_digest(given, self._secret):
            return Response(status_code=403)
        if not self._ready.is_set():
            return Response(status_code=503)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST:
                return Response(status_code=413)
        try:
            update = Update.de_json(json.loads(body), self._bot)
        except (ValueError, TypeError, KeyError, AttributeError):
            return Response(status_code=400)
        return Response(status_code=200 if await self._deal(update) else 503)

    async def close(self, grace: float) -> None:
        """Let updates under way finish for up to `grace` seconds; Telegram sends the others again."""
        tasks = {*self._under_way.values()}
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deal(self, update: Update) -> bool:
        number = update.update_id
        if number in self._done:
            return True
        task = self._under_way.get(number)
        if task is None:
            task = asyncio.create_task(self._handle(update), name=f"update {number}")
            self._under_way[number] = task
            task.add_done_callback(lambda ended: self._ended(number, ended))
        # Waited for and not awaited: a connection that breaks must not break off the work, nor end that of another.
        await asyncio.wait({task})
        return not task.cancelled() and task.exception() is None and task.result()

    def _ended(self, number: int, task: asyncio.Task[bool]) -> None:
        del self._under_way[number]
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            log.error("update failed", update=number, exc_info=error)
        elif task.result():
            self._done[number] = None
            if len(self._done) > DONE_KEPT:
                self._done.popitem(last=False)
