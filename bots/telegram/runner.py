"""The Telegram door while the service runs: connecting, updates by polling or webhook, stopping."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
from telegram import BotCommand, Update
from telegram.error import BadRequest, InvalidToken, RetryAfter, TelegramError

from bots.telegram.application import Parts, create_parts
from bots.telegram.backoff import Backoff, asked_pause
from bots.telegram.handlers import COMMANDS
from bots.telegram.polling import ALLOWED, Poller
from bots.words import DEFAULT, Words
from config import Settings

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

GRACE = 5.0  # seconds for updates under way at the end: a photo on its way in may still be written down


class TelegramRunner:
    """Attributes:
    connected: set once Telegram has taken the token and sends updates.
    finished: set once no more updates are fetched: the token was refused, or the service stops.
    """

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self.connected = asyncio.Event()
        self.finished = asyncio.Event()
        self._settings = settings
        self._parts = parts
        self.bot = parts.application.bot
        self._poller = Poller(self.bot, self._handle)

    async def run(self) -> None:
        """Connect, however long Telegram stays away, then take updates until cancelled."""
        try:
            await self._connect()
            if not self._settings.telegram_webhook_url:
                await self._poller.run()
        except InvalidToken:  # its text holds the token
            log.error("Telegram refuses TELEGRAM_TOKEN: take it anew from @BotFather. Telegram is off until a restart")
        finally:
            if not self._settings.telegram_webhook_url or not self.connected.is_set():
                self.finished.set()

    async def receive(self, secret: str | None, body: bytes) -> int:
        """Deal with one webhook call.

        Args:
            secret: its header `X-Telegram-Bot-Api-Secret-Token`.

        Returns:
            The HTTP status to answer: 200, 400 no update, 403 wrong secret, 503 come again (Telegram does).
        """
        expected = self._settings.telegram_webhook_secret
        given = (secret or "").encode()
        if expected is None or not hmac.compare_digest(given, expected.get_secret_value().encode()):
            return 403
        if not self.connected.is_set():
            return 503
        try:
            update = Update.de_json(json.loads(body), self.bot)
        except (ValueError, TypeError, KeyError, AttributeError):
            return 400
        return 200 if await self._handle(update) else 503

    async def close(self) -> None:
        """Finish what is under way and hang up."""
        if self.connected.is_set():
            await self._poller.stop(GRACE)
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
        await self._show_commands()
        way = "webhook" if self._settings.telegram_webhook_url else "polling"
        log.info("Telegram connected", bot=f"@{self.bot.username}", updates=way)

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

    async def _show_commands(self) -> None:
        """Fill the menu in every language. Without it the bot works just as well."""
        words = Words.load()
        await asyncio.gather(*(self._show_commands_in(language, words) for language in words.languages))

    async def _show_commands_in(self, language: str, words: Words) -> None:
        commands = [BotCommand(name, words.say(language, f"telegram.command_{name}")) for name in COMMANDS]
        try:
            # The menu without a language is for everybody who has none of their own (Bot API: setMyCommands).
            await self.bot.set_my_commands(commands, language_code=None if language == DEFAULT else language)
        except TelegramError as error:
            log.warning("commands not shown", language=language, why=str(error))

    async def _handle(self, update: Update) -> bool:
        await self._parts.application.process_update(update)
        put_off = self._parts.handlers.put_off
        if update.update_id in put_off:
            put_off.discard(update.update_id)
            return False
        return True


@asynccontextmanager
async def run_telegram(settings: Settings, studio: "Studio") -> AsyncIterator[TelegramRunner]:
    """Answer for Telegram while open. Telegram being away, or the token wrong, is logged and stops nothing else.

    Raises:
        ValueError: TELEGRAM_TOKEN is not set.
    """
    parts = create_parts(settings, studio)
    runner = TelegramRunner(settings, parts)
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
