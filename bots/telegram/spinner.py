"""What ends the turning of a pressed button, and may say something once (Bot API, answerCallbackQuery)."""

import structlog
from telegram import CallbackQuery
from telegram.error import BadRequest, TelegramError

log = structlog.get_logger(__name__)

LONGEST = 200  # characters in the answer to a press


class Spinner:
    """That of one press, ended by whoever comes first."""

    def __init__(self, query: CallbackQuery) -> None:
        self._query = query
        self._ended = False

    async def end(self, alert: str | None = None) -> bool:
        """False: it had ended before, or Telegram did not take the answer, so that nobody reads the alert."""
        if self._ended:
            return False
        self._ended = True
        try:
            return await answer(self._query, alert, alert=alert is not None)
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
