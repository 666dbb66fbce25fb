"""What happens when somebody presses a button under one of the bot's messages. Every press is answered."""

import secrets
from typing import TYPE_CHECKING, Any

import structlog
from telegram import CallbackQuery, Message, Update
from telegram.ext import CallbackContext

from bots.requests import Refused
from bots.telegram.broadcast import Broadcaster
from bots.telegram.buttons import BROADCAST, FORMS, GROUP, PERSONAL, Action, Buttons
from bots.telegram.door import TelegramDoor
from bots.telegram.forms import Forms
from bots.telegram.groups import Groups
from bots.telegram.intake import chosen_language
from bots.telegram.membership import Membership
from bots.telegram.personal import Personal
from bots.telegram.reply import ReplyTo
from bots.telegram.sending import remove
from bots.telegram.speech import Speech
from bots.telegram.spinner import answer
from bots.variants import Variant, changed
from inference import Options
from storage import Job, Source, State

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

Context = CallbackContext[Any, Any, Any, Any]


class Presses:
    """Deals with callback queries.

    Attributes:
        put_off: ids of updates that are not to be confirmed, because the service stops.
    """

    def __init__(
        self,
        studio: "Studio",
        door: TelegramDoor,
        buttons: Buttons,
        speech: Speech,
        forms: Forms,
        personal: Personal,
        groups: Groups,
        membership: Membership,
        broadcaster: Broadcaster,
    ) -> None:
        self.put_off: set[int] = set()
        self._studio = studio
        self._door = door
        self._forms = forms
        self._personal = personal
        self._groups = groups
        self._membership = membership
        self._broadcaster = broadcaster
        self._buttons = buttons
        self._speech = speech

    async def pressed(self, update: Update, context: Context) -> None:
        if (query := update.callback_query) is None:
            return
        tag = query.from_user.language_code or "en"
        language = await chosen_language(self._studio.people, f"telegram:{query.from_user.id}", tag)
        meant, message = self._buttons.read(query.data), query.message
        if meant is None or not isinstance(message, Message):  # a message too old to be shown to bots
            await answer(query, self._speech.say(language, "press.gone"))
            return
        if meant.action in PERSONAL:
            await answer(query, await self._personal.pressed(query, message, meant, language))
            return
        if meant.action in GROUP:
            await answer(query, await self._groups.pressed(query, message, meant, language))
            return
        if meant.action in BROADCAST:
            await answer(query, await self._broadcaster.pressed(query, message, meant, language))
            return
        job = await self._studio.job(meant.argument)
        if job is None:
            await answer(query, self._speech.say(language, "press.gone"))
        elif not await self._may(query, message, job):
            await answer(query, self._speech.say(language, "telegram.not_yours"), alert=True)
        elif meant.action is Action.CANCEL:
            await self._cancel(query, message, job, language)
        elif meant.action is Action.DELETE:
            await self._delete(query, message, job, language)
        elif meant.action in FORMS:
            await self._forms.pressed(query, message, job, language, meant.action)
        else:
            await self._repaint(update.update_id, query, message, job, language, meant.action)

    async def _may(self, query: CallbackQuery, message: Message, job: Job) -> bool:
        """Whether it is the asker who presses, or an admin of the group in which the job was asked for."""
        if job.person == f"telegram:{query.from_user.id}":
            return True
        if message.chat_id >= 0 or ReplyTo.from_json(job.reply).chat_id != message.chat_id:
            return False
        return await self._membership.is_admin(message.chat_id, query.from_user.id, now=True)

    async def _cancel(self, query: CallbackQuery, message: Message, job: Job, language: str) -> None:
        cancelled = await self._studio.cancel(job.id, job.person)
        if not cancelled:
            now = await self._studio.job(job.id)
            # Cancelled: the same press again, after a crash. Ended otherwise: a crash came between sending this message
            # and writing down its id, so that nobody took it away.
            if now is not None and now.state.ended:
                await remove(message.get_bot(), message.chat_id, message.message_id)
                cancelled = now.state is State.CANCELLED
        await answer(query, self._speech.say(language, "cancelled" if cancelled else "press.too_late"))

    async def _delete(self, query: CallbackQuery, message: Message, job: Job, language: str) -> None:
        await self._studio.discard(job.id, job.person)
        to = ReplyTo.from_json(job.reply)
        album = to.shown if to.chat_id == message.chat_id else ()
        gone = [await remove(message.get_bot(), message.chat_id, number) for number in (*album, message.message_id)]
        if all(gone):
            await answer(query, self._speech.say(language, "press.deleted"))
        else:  # Telegram lets bots delete for 48 hours
            await answer(query, self._speech.say(language, "telegram.delete_yourself"), alert=True)

    async def _repaint(
        self, update_id: int, query: CallbackQuery, message: Message, job: Job, language: str, action: Action
    ) -> None:
        options = changed(Options.from_json(job.options), Variant(action), job.found)
        if options is None:
            await answer(query, self._speech.say(language, "press.gone"))
            return
        source = Source("telegram", str(message.chat_id), f"press {query.id}", action)
        reply = ReplyTo.from_json(job.reply).again(message.chat_id).to_json()
        try:
            new = await self._studio.repaint(job.id, job.person, options, source, reply=reply, language=language)
        except Refused as refused:
            if refused.code == "stopping":
                self.put_off.add(update_id)
                return
            reference = secrets.token_hex(4)
            log.info("repaint refused", code=refused.code, why=str(refused), reference=reference)
            await answer(query, self._speech.refusal(language, refused, reference), alert=True)
            return
        await answer(query)
        progress = self._studio.progress_of(new.id)
        if progress is not None:
            await self._door.progress(new, progress)
