"""The Telegram door while the service runs: connecting, updates by polling or webhook, stopping."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog
from telegram import Update
from telegram.error import BadRequest, InvalidToken, RetryAfter, TelegramError

from bots.patience import store_answers
from bots.telegram.application import Parts, create_parts
from bots.telegram.backoff import Backoff, asked_pause
from bots.telegram.keeper import Keeper
from bots.telegram.polling import ALLOWED, Poller
from bots.telegram.presses import waits_for_chat
from bots.telegram.report import REFUSED, report
from bots.telegram.webhook import Webhook
from config import Settings
from storage import StorageError

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

GRACE = 5.0  # seconds for updates under way at the end: a photo on its way in may still be written down
LAST_WORDS = 2.0  # seconds for answers that are still to be sent then, and again for what presses ask for


class TelegramRunner:
    """Args:
        say: shows a line to the operator.

    Attributes:
        connected: set once Telegram has taken the token and sends updates.
        finished: set once no more updates are fetched: the token was refused, or the service stops.
        webhook: to be mounted in the web server; None when updates come by polling.
    """

    def __init__(self, settings: Settings, studio: "Studio", parts: Parts, say: Callable[[str], None]) -> None:
        self.connected = asyncio.Event()
        self.finished = asyncio.Event()
        self._settings = settings
        self._parts = parts
        self._say = say
        self._background: set[asyncio.Task[None]] = set()
        self.bot = parts.application.bot
        self._keeper = Keeper(self.bot, studio.arrivals, self._handle)
        self._poller = Poller(self.bot, self._take, self._keeper.keep_until)
        secret = settings.telegram_webhook_secret
        self.webhook = (
            Webhook(self.bot, secret.get_secret_value(), self.connected, self._posted)
            if settings.telegram_webhook_url and secret
            else None
        )

    @property
    def online(self) -> bool:
        """Telegram takes the token, and gives its updates to us."""
        way = self._poller if self.webhook is None else self.webhook
        return self.connected.is_set() and not self.finished.is_set() and way.online

    async def run(self) -> None:
        """Connect, however long Telegram stays away, then take updates until cancelled."""
        try:
            await self._connect()
            if self.webhook is None:
                await self._poller.run()
            else:
                await self.webhook.watch()
        except InvalidToken:  # its text holds the token
            self._say(REFUSED)
            log.error("Telegram refuses TELEGRAM_TOKEN: take it anew from @BotFather. Telegram is off until a restart")
        finally:
            if self.webhook is None or not self.connected.is_set():
                self.finished.set()

    async def close(self) -> None:
        """Finish what is under way and hang up."""
        if self.connected.is_set():
            self.connected.clear()
            await (self._poller.stop(GRACE) if self.webhook is None else self.webhook.close(GRACE))
        await self._keeper.close(LAST_WORDS)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._parts.asides.close(LAST_WORDS)
        await self._parts.broadcaster.close()
        await self._parts.door.close()
        await self._parts.application.shutdown()
        for requests in self._parts.requests:  # also when it never came to be initialised
            await requests.shutdown()

    async def _connect(self) -> None:
        backoff = Backoff()
        while True:
            try:
                await self._parts.application.initialize()
                await self._choose_way()
                break
            except InvalidToken:
                raise
            except RetryAfter as error:
                log.warning("Telegram asks to wait", why=str(error))
                await asyncio.sleep(asked_pause(error))
            except TelegramError as error:
                log.warning("Telegram can't be reached, trying again", why=str(error))
            await backoff.wait()
        self.connected.set()
        way = "polling" if self.webhook is None else "webhook"
        log.info("Telegram connected", bot=f"@{self.bot.username}", updates=way)
        for line in report(self.bot.bot, way):
            self._say(line)
        self._start(store_answers(self._keeper.resume))
        self._start(self._parts.profile.update())
        self._start(store_answers(self._parts.broadcaster.resume))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """In the background: nobody's answer waits for it."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        task.add_done_callback(_report)

    async def _choose_way(self) -> None:
        """Tell Telegram how updates come."""
        url, secret = self._settings.telegram_webhook_url, self._settings.telegram_webhook_secret
        if url and secret:
            try:
                await self.bot.set_webhook(url, secret_token=secret.get_secret_value(), allowed_updates=ALLOWED)
            except BadRequest as error:  # also a host name that is not known yet: tried again
                log.error("Telegram does not take TELEGRAM_WEBHOOK_URL", why=str(error))
                raise
        else:
            await self.bot.delete_webhook()  # with one set, polling is refused

    async def _posted(self, update: Update) -> bool:
        """Deal with what came over the webhook; with an item of an album when the others are there, too."""
        if update.message is None or update.message.media_group_id is None:
            return await self._take(update)
        await self._keeper.keep(update)
        return True

    async def _take(self, update: Update) -> bool:
        """Deal with an update. Some presses wait for their chat, and no other update is to wait for that."""
        if not waits_for_chat(update):
            return await self._handle(update)
        try:
            await self._keeper.keep(update)
        except StorageError as error:
            log.warning("press not kept", update=update.update_id, why=str(error))
            return await self._handle(update)
        return True

    async def _handle(self, update: Update) -> bool:
        await self._parts.application.process_update(update)
        put_off = self._parts.handlers.put_off
        if update.update_id in put_off:
            put_off.discard(update.update_id)
            return False
        return True


@asynccontextmanager
async def run_telegram(
    settings: Settings, studio: "Studio", say: Callable[[str], None] = lambda line: None
) -> AsyncIterator[TelegramRunner]:
    """Answer for Telegram while open. Telegram being away, or the token wrong, is logged and stops nothing else.

    Args:
        say: shows a line to the operator, once Telegram has taken the token or refused it.

    Raises:
        ValueError: TELEGRAM_TOKEN is not set.
    """
    parts = create_parts(settings, studio)
    runner = TelegramRunner(settings, studio, parts, say)
    studio.open_door(parts.door)
    task = asyncio.create_task(runner.run(), name="telegram")
    task.add_done_callback(_report)
    try:
        yield runner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runner.close()


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("Telegram stopped", error=repr(error), exc_info=error)
