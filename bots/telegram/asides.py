"""Answers that no update waits for: hints, help, settings, and refusals of what was never accepted.

A chat takes about one message a second. Were they sent while their updates are dealt with, one chat could fill the
poller with what waits for its turn, and everybody else would go unheard. A crash may lose them: nothing is owed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from telegram import InlineKeyboardMarkup
from telegram.error import TelegramError

from bots.requests import Undeliverable
from bots.telegram.reply import ReplyTo

log = structlog.get_logger(__name__)

MOST = 60  # that wait for one chat: more would come when nobody remembers what they answer


@dataclass(frozen=True, slots=True)
class _Aside:
    to: ReplyTo
    text: str
    buttons: InlineKeyboardMarkup | None


class Asides:
    """Sends them one after another in each chat, so that a picture there waits for one of them at most.

    Args:
        send: `TelegramDoor.say`.
    """

    def __init__(self, send: Callable[[ReplyTo, str, InlineKeyboardMarkup | None], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: dict[int, dict[str | int | None, _Aside]] = {}  # by chat; the first is being sent
        self._tasks: set[asyncio.Task[None]] = set()

    def say(self, to: ReplyTo, text: str, buttons: InlineKeyboardMarkup | None = None) -> None:
        """Words that need to be read once: dropped when the same ones wait for that chat already."""
        self._add(text, _Aside(to, text, buttons))

    def answer(self, to: ReplyTo, text: str) -> None:
        """Words for a message that must not stay unanswered: dropped when others wait already to answer the same."""
        self._add(to.message_id, _Aside(to, text, None))

    async def close(self, grace: float) -> None:
        """Send what waits for up to `grace` seconds, and drop the rest."""
        tasks = {*self._tasks}
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _add(self, what: str | int | None, aside: _Aside) -> None:
        chat_id = aside.to.chat_id
        waiting = self._waiting.get(chat_id)
        if waiting is None:
            self._waiting[chat_id] = {what: aside}
            task = asyncio.create_task(self._run(chat_id), name=f"asides {chat_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif what in waiting:
            return
        elif len(waiting) < MOST:
            waiting[what] = aside
        else:
            log.info("answer dropped, too many wait", chat=chat_id)

    async def _run(self, chat_id: int) -> None:
        waiting = self._waiting[chat_id]
        try:
            while waiting:
                what, aside = next(iter(waiting.items()))
                await self._try(aside)
                del waiting[what]
        finally:
            del self._waiting[chat_id]

    async def _try(self, aside: _Aside) -> None:
        try:
            await self._send(aside.to, aside.text, aside.buttons)
        except Undeliverable as error:
            log.info("nobody to answer", why=str(error))
        except TelegramError as error:
            log.warning("answer not sent", why=str(error))
        except Exception:  # those behind it are sent all the same
            log.exception("answer not sent")
