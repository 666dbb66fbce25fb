"""What the bot does with a message: in private it answers everything, in groups only what is meant for it."""

import secrets
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import structlog
from telegram import Message, MessageEntity, Update
from telegram.error import Forbidden, TelegramError
from telegram.ext import (
    Application,
    CallbackContext,
    CallbackQueryHandler,
    CommandHandler,
    MessageHandler,
    filters,
)

from bots.preferences import Preferences
from bots.requests import Refused, Undeliverable
from bots.telegram.admins import Admins
from bots.telegram.door import TelegramDoor
from bots.telegram.intake import (
    DownloadFailed,
    Downloads,
    Photo,
    chosen_language,
    language_of,
    person_of,
    photo_of,
    reply_to,
    request_of,
)
from bots.telegram.personal import Personal
from bots.telegram.presses import Presses, answer
from bots.telegram.speech import Speech
from storage import StorageError

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

Context = CallbackContext[Any, Any, Any, Any]

COMMANDS = ("anime", "settings", "language", "help", "privacy", "forgetme")  # those shown in the menu
_NEW = filters.UpdateType.MESSAGE  # neither edits nor channel posts
_PRIVATE = _NEW & filters.ChatType.PRIVATE & ~filters.StatusUpdate.ALL
_GROUP = _NEW & filters.ChatType.GROUPS & ~filters.StatusUpdate.ALL


class Handlers:
    """All handlers of the bot.

    Attributes:
        put_off: ids of updates whose photo was not taken in because the service stops; not to be confirmed.
    """

    def __init__(
        self,
        studio: "Studio",
        door: TelegramDoor,
        downloads: Downloads,
        speech: Speech,
        presses: Presses,
        personal: Personal,
        admins: Admins,
    ) -> None:
        self._studio = studio
        self._door = door
        self._downloads = downloads
        self._speech = speech
        self._presses = presses
        self._personal = personal
        self._admins = admins
        self.put_off = presses.put_off

    def add_to(self, application: Application[Any, Any, Any, Any, Any, Any]) -> None:
        for name in ("start", "help", "privacy"):
            application.add_handler(CommandHandler(name, self._tell, filters=_NEW))
        application.add_handler(CommandHandler("anime", self._anime, filters=_NEW))
        application.add_handler(CommandHandler("settings", self._personal.settings, filters=_NEW))
        application.add_handler(CommandHandler("language", self._personal.language, filters=_NEW))
        application.add_handler(CommandHandler("forgetme", self._personal.forget, filters=_NEW))
        # Known to the operator's people alone; for all others such a command is not there, and falls through.
        for name, command in self._admins.commands.items():
            application.add_handler(CommandHandler(name, command, filters=_PRIVATE & self._admins.only))
        application.add_handler(MessageHandler(_PRIVATE, self._private))
        application.add_handler(MessageHandler(_GROUP, self._group))
        application.add_handler(CallbackQueryHandler(self._presses.pressed))
        application.add_error_handler(self._failed)

    async def _tell(self, update: Update, context: Context) -> None:
        """/start, /help and /privacy: the words of that name."""
        if (message := update.message) is not None:
            name = (message.text or "/help").split()[0].removeprefix("/").partition("@")[0].lower()
            await self._say(message, name)

    async def _anime(self, update: Update, context: Context) -> None:
        """/anime as a reply to somebody's photo."""
        if (message := update.message) is None:
            return
        shown = message.reply_to_message
        if shown is not None and (photo := photo_of(shown)) is not None:
            await self._take(update, message, shown, photo)
        else:
            await self._say(message, "telegram.anime")

    async def _private(self, update: Update, context: Context) -> None:
        if (message := update.message) is None:
            return
        if (photo := photo_of(message)) is not None:
            await self._take(update, message, message, photo)
        else:
            await self._say(message, _hint(message))

    async def _group(self, update: Update, context: Context) -> None:
        """A photo with /anime or a mention below it or as a reply to the bot; a mention as a reply to a photo."""
        if (message := update.message) is None:
            return
        called = _called(message, str(context.bot.username))
        replied = message.reply_to_message
        to_bot = replied is not None and replied.from_user is not None and replied.from_user.id == context.bot.id
        if (photo := photo_of(message)) is not None:
            if called or to_bot:
                await self._take(update, message, message, photo)
        elif called and replied is not None and (photo := photo_of(replied)) is not None:
            await self._take(update, message, replied, photo)
        elif called:
            await self._say(message, "telegram.anime")

    async def _take(self, update: Update, asked: Message, shown: Message, photo: Photo) -> None:
        """Hand a photo to the studio, and show where it stands. The same update again shows nothing new."""
        person = await self._studio.people.get(person_of(asked))
        language = person.language or language_of(asked)
        request = request_of(asked, shown, photo, language, Preferences.from_json(person.settings))
        try:
            async with aclosing(self._downloads.chunks(photo)) as chunks:
                job = await self._studio.accept(request, chunks)
        except Refused as refused:
            if refused.code == "stopping":
                # Not answered and not confirmed: Telegram sends it again after the start.
                self.put_off.add(update.update_id)
                return
            reference = secrets.token_hex(4)
            log.info("photo refused", code=refused.code, why=str(refused), reference=reference)
            await self._reply(asked, self._speech.refusal(language, refused, reference))
        except DownloadFailed as failed:
            log.warning("photo not downloaded", why=str(failed))
            await self._reply(asked, self._speech.say(language, "telegram.download_failed"))
        else:
            # A job that is answered, or was taken in before, has no progress, or a status message to edit.
            progress = self._studio.progress_of(job.id)
            if progress is not None:
                await self._door.progress(job, progress)

    async def _say(self, message: Message, key: str) -> None:
        await self._reply(
            message,
            self._speech.say(await chosen_language(self._studio.people, person_of(message), language_of(message)), key),
        )

    async def _reply(self, message: Message, text: str) -> None:
        try:
            await self._door.say(reply_to(message), text)
        except Undeliverable as error:
            log.info("nobody to answer", why=str(error))

    async def _failed(self, update: object, context: Context) -> None:
        """Whatever no handler foresaw: one sentence for the person, all of it in the log, one reference for both."""
        reference = secrets.token_hex(4)
        if isinstance(context.error, Forbidden):
            log.info("nobody to answer", why=str(context.error))
            return
        log.error("update failed", reference=reference, exc_info=context.error)
        if not isinstance(update, Update):
            return
        with suppress(TelegramError):
            if (query := update.callback_query) is not None:
                language = await self._spoken(f"telegram:{query.from_user.id}", query.from_user.language_code or "en")
                await answer(query, self._speech.failure(language, "unexpected", reference), alert=True)
            if (message := update.message) is not None:
                language = await self._spoken(person_of(message), language_of(message))
                await self._reply(message, self._speech.failure(language, "unexpected", reference))

    async def _spoken(self, person: str, tag: str) -> str:
        try:
            return await chosen_language(self._studio.people, person, tag)
        except StorageError:  # perhaps the very failure that is to be told
            return tag


def _called(message: Message, username: str) -> bool:
    """Whether the text or caption holds /anime for this bot, or its name."""
    if message.text is not None:
        found = message.parse_entities([MessageEntity.MENTION, MessageEntity.BOT_COMMAND])
    else:
        found = message.parse_caption_entities([MessageEntity.MENTION, MessageEntity.BOT_COMMAND])
    names = {f"@{username}", "/anime", f"/anime@{username}"}
    return any(word.lower() in {name.lower() for name in names} for word in found.values())


def _hint(message: Message) -> str:
    """Key of the words for a private message without a picture, by its kind."""
    if message.animation:
        return "telegram.gif"
    if message.video or message.video_note:
        return "telegram.video"
    if message.sticker:
        return "telegram.sticker"
    if message.voice or message.audio:
        return "telegram.voice"
    if message.document:
        return "telegram.document"
    if message.parse_entities([MessageEntity.URL, MessageEntity.TEXT_LINK]) if message.text else False:
        return "telegram.link"
    return "send_photo"
