"""What happens when somebody presses a button under one of the bot's messages. Every press is answered."""

from typing import TYPE_CHECKING, Any

import structlog
from telegram import CallbackQuery, Message, Update
from telegram.constants import ChatMemberStatus
from telegram.error import BadRequest, Forbidden, TelegramError
from telegram.ext import CallbackContext

from bots.telegram.buttons import Action, Buttons
from bots.telegram.reply import ReplyTo
from bots.telegram.speech import Speech
from storage import Job, State

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

Context = CallbackContext[Any, Any, Any, Any]
_ADMINS = {ChatMemberStatus.ADMINISTRATOR, ChatMemberStatus.OWNER}


class Presses:
    """Deals with callback queries."""

    def __init__(self, studio: "Studio", buttons: Buttons, speech: Speech) -> None:
        self._studio = studio
        self._buttons = buttons
        self._speech = speech

    async def pressed(self, update: Update, context: Context) -> None:
        if (query := update.callback_query) is None:
            return
        language = await self._language(query)
        meant, message = self._buttons.read(query.data), query.message
        if meant is None or not isinstance(message, Message):  # a message too old to be shown to bots
            await answer(query, self._speech.say(language, "telegram.button_gone"))
            return
        job = await self._studio.job(meant.argument)
        if job is None:
            await answer(query, self._speech.say(language, "telegram.button_gone"))
        elif not await _may(query, message, job):
            await answer(query, self._speech.say(language, "telegram.not_yours"), alert=True)
        elif meant.action is Action.CANCEL:
            await self._cancel(query, message, job, language)

    async def _cancel(self, query: CallbackQuery, message: Message, job: Job, language: str) -> None:
        cancelled = await self._studio.cancel(job.id, job.person)
        if not cancelled:
            now = await self._studio.job(job.id)
            if now is not None and now.state is State.CANCELLED:  # the same press again, after a crash
                await remove(message)
                cancelled = True
        await answer(query, self._speech.say(language, "cancelled" if cancelled else "telegram.too_late"))

    async def _language(self, query: CallbackQuery) -> str:
        return query.from_user.language_code or "en"


async def answer(query: CallbackQuery, text: str | None = None, *, alert: bool = False) -> None:
    """End the button's spinner. One that came while the service was away may be too old for it."""
    try:
        await query.answer(text, show_alert=alert)
    except BadRequest as error:
        log.info("press not answered", why=str(error))


async def remove(message: Message) -> None:
    """Delete one of the bot's messages, if it can be."""
    try:
        await message.delete()
    except (BadRequest, Forbidden) as error:
        log.info("message not deleted", why=str(error))


async def _may(query: CallbackQuery, message: Message, job: Job) -> bool:
    """Whether it is the asker who presses, or an admin of the group in which the job was asked for."""
    if job.person == f"telegram:{query.from_user.id}":
        return True
    if message.chat_id >= 0 or ReplyTo.from_json(job.reply).chat_id != message.chat_id:
        return False
    try:
        member = await message.chat.get_member(query.from_user.id)
    except TelegramError as error:
        log.info("membership not known", why=str(error))
        return False
    return member.status in _ADMINS
