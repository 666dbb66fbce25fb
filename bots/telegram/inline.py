"""Inline mode: one's latest pictures, to share in any chat by typing the bot's name there."""

from typing import TYPE_CHECKING

import structlog
from telegram import InlineQueryResultCachedPhoto, InlineQueryResultsButton, Message, Update
from telegram.error import BadRequest
from telegram.ext.filters import MessageFilter

from bots.telegram.intake import chosen_language
from bots.telegram.personal import Context
from bots.telegram.reply import ReplyTo
from bots.telegram.speech import Speech

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

MOST = 50  # results of one answer (Bot API: answerInlineQuery)
CACHE = 1  # seconds: what was just painted or deleted counts at once
START = "inline"  # what /start carries when somebody comes by the button


class Inline:
    """Answers inline queries. Telegram keeps the photos; it is only told which."""

    def __init__(self, studio: "Studio", speech: Speech) -> None:
        self._studio = studio
        self._speech = speech

    async def query(self, update: Update, context: Context) -> None:
        if (query := update.inline_query) is None:
            return
        person = f"telegram:{query.from_user.id}"
        results = await self._results(person)
        language = await chosen_language(self._studio.people, person, query.from_user.language_code or "en")
        key = "telegram.inline.another" if results else "telegram.inline.first"
        try:
            await query.answer(
                results,
                cache_time=CACHE,
                is_personal=True,
                button=InlineQueryResultsButton(self._speech.say(language, key), start_parameter=START),
            )
        except BadRequest as error:  # it came while the service was away, and is too old now
            log.info("inline query not answered", why=str(error))

    async def _results(self, person: str) -> list[InlineQueryResultCachedPhoto]:
        """The latest first; those deleted, forgotten or expired are not among them."""
        if (await self._studio.people.get(person)).blocked:
            return []
        results: list[InlineQueryResultCachedPhoto] = []
        for job in await self._studio.latest(person, MOST):
            files = ReplyTo.from_json(job.reply).files
            results += [InlineQueryResultCachedPhoto(f"{job.id}-{n}", file) for n, file in enumerate(files)]
        return results[:MOST]


class OwnResults(MessageFilter):
    """Pictures that somebody shared by this bot's inline mode: they are painted already."""

    def filter(self, message: Message) -> bool:
        return message.via_bot is not None and message.via_bot.id == message.get_bot().id
