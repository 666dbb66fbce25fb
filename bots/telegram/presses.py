"""What happens when somebody presses a button under one of the bot's messages. Every press is answered."""

import secrets
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from telegram import CallbackQuery, Message, Update
from telegram.error import TelegramError
from telegram.ext import CallbackContext

from bots.requests import Refused
from bots.telegram.asides import Asides
from bots.telegram.backoff import try_again
from bots.telegram.broadcast import Broadcaster
from bots.telegram.buttons import BROADCAST, FORMS, GROUP, PERSONAL, Action, Buttons
from bots.telegram.door import TelegramDoor
from bots.telegram.forms import Forms
from bots.telegram.groups import Groups
from bots.telegram.intake import chosen_language, reply_to
from bots.telegram.membership import Membership
from bots.telegram.personal import Personal
from bots.telegram.reply import ReplyTo
from bots.telegram.sending import remove
from bots.telegram.speech import Speech
from bots.telegram.spinner import Spinner, answer
from bots.variants import Variant, changed
from inference import Options
from storage import Job, Source, State

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

Context = CallbackContext[Any, Any, Any, Any]

_WAITING = FORMS | {Action.CANCEL, Action.DELETE}


class Presses:
    """Deals with callback queries.

    Attributes:
        put_off: ids of updates that are not to be confirmed, because the service stops.
    """

    def __init__(
        self,
        studio: "Studio",
        door: TelegramDoor,
        asides: Asides,
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
        self._asides = asides
        self._deleting: set[tuple[int, int]] = set()  # messages, by chat and number
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
            await answer(query, await self._personal.pressed(update.update_id, query, message, meant, language))
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
        cancelled, spinner = await self._studio.cancel(job.id, job.person), Spinner(query)
        now = None if cancelled else await self._studio.job(job.id)
        # Cancelled: the same press again, after a crash. Ended otherwise: a crash came between sending this message and
        # writing down its id, so that nobody took it away.
        cancelled = cancelled or (now is not None and now.state is State.CANCELLED)
        words = self._speech.say(language, "cancelled" if cancelled else "press.too_late")
        if now is not None and now.state.ended:
            await spinner.turn_during(self._remove(message, [message.message_id]), words)
        await spinner.end(words)

    async def _delete(self, query: CallbackQuery, message: Message, job: Job, language: str) -> None:
        what = (message.chat_id, message.message_id)
        if what in self._deleting:
            await answer(query)
            return
        self._deleting.add(what)
        try:
            await self._studio.discard(job.id, job.person)
            to = ReplyTo.from_json(job.reply)
            album = to.shown if to.chat_id == message.chat_id else ()
            words, spinner = self._speech.say(language, "press.deleted"), Spinner(query)
            if await spinner.turn_during(self._remove(message, [*album, message.message_id]), words):
                await spinner.end(words)
                return
            words = self._speech.say(language, "telegram.delete_yourself")  # bots may delete for 48 hours
            if not await spinner.end(words, alert=True):
                self._asides.answer(reply_to(message), words)
        finally:
            self._deleting.discard(what)

    async def _remove(self, message: Message, numbers: Sequence[int]) -> bool:
        """Take messages out of a chat. False: some are still there."""
        bot, chat_id = message.get_bot(), message.chat_id
        try:
            return all([await try_again(partial(remove, bot, chat_id, number)) for number in numbers])
        except TelegramError as error:
            log.warning("message not deleted", why=str(error))
            return False

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


def waits_for_chat(update: Update) -> bool:
    """Whether an update is a press that sends or deletes something, which may have to wait for its turn there."""
    query = update.callback_query
    return query is not None and (query.data or "").partition(":")[0] in _WAITING
