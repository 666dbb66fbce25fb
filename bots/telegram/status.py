"""The one message that says where a job stands: sent once, edited in place, then gone."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import structlog
from telegram import InlineKeyboardMarkup
from telegram.constants import ChatAction
from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError
from telegram.ext import ExtBot

from bots.requests import Undeliverable
from bots.telegram.limiter import Courtesy
from bots.telegram.reply import ReplyTo
from bots.telegram.sending import Place, send

log = structlog.get_logger(__name__)

ACTION_AFTER = 1.0  # seconds of painting: a picture that comes sooner needs no announcement
ACTION_EVERY = 4.5  # seconds: Telegram shows a chat action for 5


class Status:
    """Shows the latest text it was given, no faster than `pace` allows, and a chat action while painting.

    Args:
        buttons: under the message, as long as it is there.
        remember: is told where the status message is, as soon as there is one.
        pace: least seconds between two edits, asked anew whenever it matters.
    """

    def __init__(
        self,
        bot: ExtBot[Any],
        to: ReplyTo,
        buttons: InlineKeyboardMarkup,
        remember: Callable[[ReplyTo], Awaitable[None]],
        pace: Callable[[], float],
    ) -> None:
        self.to = to
        self._bot = bot
        self._buttons = buttons
        self._remember = remember
        self._pace = pace
        self._wanted: str | None = None
        self._shown: str | None = None
        self._busy = False
        self._next_action = 0.0  # of the loop's clock
        self._closing = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._courtesy: Courtesy | None = None  # a call that is being made

    def show(self, text: str, *, busy: bool) -> None:
        """Show this text soon. `busy`: the picture is being painted, and the chat says so."""
        if self._closing:
            return
        if busy and not self._busy:
            self._next_action = asyncio.get_running_loop().time() + ACTION_AFTER
        self._wanted, self._busy = text, busy
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="telegram status")

    async def close(self) -> None:
        """Take the message away. A call under way is waited for, else a message could stay that nobody knows of."""
        await self.stop()
        if self.to.status_id is None:
            return
        try:
            await self._bot.delete_message(self.to.chat_id, self.to.status_id)
        except TelegramError as error:
            log.info("status message not deleted", why=str(error))

    async def end_with(self, text: str, buttons: InlineKeyboardMarkup | None = None) -> bool:
        """Let the message say this and stay. Doing it twice is as doing it once. False: there is no such message.

        Raises:
            TelegramError: another try may work.
        """
        await self.stop()
        if self.to.status_id is None:
            return False
        try:
            await self._bot.edit_message_text(text, self.to.chat_id, self.to.status_id, reply_markup=buttons)
        except Forbidden as error:
            raise Undeliverable(str(error)) from error
        except BadRequest as error:
            return "not modified" in str(error).lower()
        except ChatMigrated:  # messages of the group that it was can't be edited any more
            return False
        return True

    async def stop(self, grace: float | None = None) -> None:
        """Leave the message as it is. `grace`: seconds that a call under way may still take; None: any.

        A call that waits for its turn is called off.
        """
        self._closing = True
        self._changed.set()
        if self._task is not None:
            if self._courtesy is None or self._courtesy.on_its_way:
                await asyncio.wait({self._task}, timeout=grace)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            await self._keep_showing()
        except Undeliverable as error:
            log.info("status not shown", why=str(error))  # the delivery finds out for itself
        except Exception:  # a courtesy: it must not stand in the way of the answer
            log.exception("status given up")

    async def _keep_showing(self) -> None:
        loop = asyncio.get_running_loop()
        written = -math.inf
        while not self._closing:
            self._changed.clear()
            # A group takes 20 calls a minute in all: they are for answers.
            acts = self._busy and not self.to.group
            try:
                if self._wanted != self._shown and loop.time() >= written + self._pace():
                    await self._write(self._wanted or "")
                    written = loop.time()
                if acts and loop.time() >= self._next_action:
                    self._next_action = loop.time() + ACTION_EVERY
                    await self._bot.send_chat_action(
                        self.to.chat_id, ChatAction.UPLOAD_PHOTO, message_thread_id=self.to.thread_id
                    )
            except TelegramError as error:
                log.info("status not shown", why=str(error))
                written = loop.time()
            times = [self._next_action] if acts else []
            times += [written + self._pace()] if self._wanted != self._shown else []
            await self._until(min(times) if times else None)

    async def _until(self, when: float | None) -> None:
        """Wait for news, at most until that time of the loop's clock."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(when):
                await self._changed.wait()

    async def _write(self, text: str) -> None:
        if self.to.status_id is None:
            self.to = await send(self.to, lambda place: self._send(place, text))
            self._shown = text
            await self._remember(self.to)
            return
        try:
            with self._giving_way() as courtesy:
                await self._bot.edit_message_text(
                    text,
                    self.to.chat_id,
                    self.to.status_id,
                    reply_markup=self._buttons,
                    rate_limit_args=courtesy,
                )
        except BadRequest as error:
            # "not modified": it says so already (known from before a restart). Deleted by the person: they know.
            log.debug("status not edited", why=str(error))
        self._shown = text

    async def _send(self, place: Place, text: str) -> ReplyTo:
        with self._giving_way() as courtesy:
            message = await self._bot.send_message(
                place.chat_id,
                text,
                message_thread_id=place.thread_id,
                reply_parameters=place.reply,
                disable_notification=True,
                reply_markup=self._buttons,
                rate_limit_args=courtesy,
            )
        return self.to.with_status(place.chat_id, message.message_id)

    @contextlib.contextmanager
    def _giving_way(self) -> Iterator[Courtesy]:
        """A call to make meanwhile, which `stop` calls off if it has not gone out yet."""
        self._courtesy = Courtesy()
        try:
            yield self._courtesy
        finally:
            self._courtesy = None
