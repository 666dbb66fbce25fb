"""What ends the turning of a pressed button, and may say something once (Bot API, answerCallbackQuery)."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog
from telegram import CallbackQuery
from telegram.error import BadRequest, TelegramError

log = structlog.get_logger(__name__)
T = TypeVar("T")

LONGEST = 200  # characters in the answer to a press
SPIN = 5.0  # seconds that a button turns at most; Telegram takes no answer that comes much later


class Spinner:
    """That of one press, ended by whoever comes first."""

    def __init__(self, query: CallbackQuery) -> None:
        self._query = query
        self._ended = False

    async def turn_during(self, work: Coroutine[Any, Any, T], words: str | None = None) -> T:
        """Carry it out. If that takes longer than SPIN seconds, the button turns no more, and `words` are said."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task}, timeout=SPIN)
            if not task.done():
                await self.end(words)
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def end(self, words: str | None = None, *, alert: bool = False) -> bool:
        """False: it had ended before, or Telegram did not take the answer, so that nobody reads the words."""
        if self._ended:
            return False
        self._ended = True
        try:
            return await answer(self._query, words, alert=alert)
        except TelegramError as error:  # no reason to leave off what was pressed for
            log.info("press not answered", why=str(error))
            return False


async def answer(query: CallbackQuery, text: str | None = None, *, alert: bool = False) -> bool:
    """End the button's spinner. False: it has ended, since the press came while the service was away, or twice."""
    try:
        await query.answer(text[:LONGEST] if text else None, show_alert=alert)
    except BadRequest as error:
        log.info("press not answered", why=str(error))
        return False
    return True
