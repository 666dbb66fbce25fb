"""Answers that no update waits for: hints, help, settings and what they turn into, and refusals of photos.

A chat takes about one message a second. Were they sent while their updates are dealt with, one chat could fill the
poller with what waits for its turn, and everybody else would go unheard. A hiccup of Telegram loses none of them, a
crash or a long outage may: nothing is owed.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from telegram import InlineKeyboardMarkup, Message
from telegram.error import BadRequest, TelegramError

from bots.requests import Undeliverable
from bots.telegram.backoff import try_again
from bots.telegram.reply import ReplyTo

log = structlog.get_logger(__name__)

MOST = 60  # that wait for one chat: more would come when nobody remembers what they answer

Call = Callable[[], Awaitable[None]]


class Asides:
    """Sends them one after another in each chat, so that a picture there waits for one of them at most.

    Args:
        send: `TelegramDoor.say`.
    """

    def __init__(self, send: Callable[[ReplyTo, str, InlineKeyboardMarkup | None], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: dict[int, dict[object, Call]] = {}  # by chat and what it is; the first is being made
        self._tasks: set[asyncio.Task[None]] = set()

    def say(self, to: ReplyTo, text: str, person: str, buttons: InlineKeyboardMarkup | None = None) -> None:
        """Words that a person needs to read once: dropped when the same ones wait for them in that chat already."""
        self._add(to.chat_id, (person, text), lambda: self._send(to, text, buttons))

    def answer(self, to: ReplyTo, text: str) -> None:
        """Words for a message that must not stay unanswered: dropped when others wait already to answer the same."""
        self._add(to.chat_id, to.message_id, lambda: self._send(to, text, None))

    def show(self, message: Message, text: str, buttons: InlineKeyboardMarkup | None = None) -> None:
        """What one of the bot's messages says from now on. Of several that wait, only the latest is shown."""
        self._add(message.chat_id, ("edit", message.message_id), lambda: _edit(message, text, buttons), anew=True)

    async def close(self, grace: float) -> None:
        """Send what waits for up to `grace` seconds, and drop the rest."""
        tasks = {*self._tasks}
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _add(self, chat_id: int, what: object, call: Call, *, anew: bool = False) -> None:
        """`anew`: in place of one that waits; otherwise that one is enough."""
        waiting = self._waiting.get(chat_id)
        if waiting is None:
            self._waiting[chat_id] = {what: call}
            task = asyncio.create_task(self._run(chat_id), name=f"asides {chat_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif what in waiting:
            if anew:
                waiting[what] = call
        elif len(waiting) < MOST:
            waiting[what] = call
        else:
            log.info("answer dropped, too many wait", chat=chat_id)

    async def _run(self, chat_id: int) -> None:
        waiting = self._waiting[chat_id]
        try:
            while waiting:
                what, call = next(iter(waiting.items()))
                await self._try(call)
                later = waiting.pop(what)
                if later is not call:  # it came meanwhile, and waits behind the others
                    waiting[what] = later
        finally:
            del self._waiting[chat_id]

    async def _try(self, call: Call) -> None:
        try:
            await try_again(call)
        except Undeliverable as error:
            log.info("nobody to answer", why=str(error))
        except TelegramError as error:
            log.warning("answer not sent", why=str(error))
        except Exception:  # those behind it are sent all the same
            log.exception("answer not sent")


async def _edit(message: Message, text: str, buttons: InlineKeyboardMarkup | None) -> None:
    try:
        await message.edit_text(text, reply_markup=buttons)
    except BadRequest as error:  # "not modified": what was chosen already was chosen again
        log.debug("message not edited", why=str(error))
