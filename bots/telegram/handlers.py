"""What the bot does with a message: in private it answers everything, in groups only what is meant for it."""

import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from typing import TYPE_CHECKING, Any

import structlog
from telegram import Message, MessageEntity, Update
from telegram.constants import ChatType
from telegram.error import Forbidden, TelegramError
from telegram.ext import (
    Application,
    CallbackContext,
    CallbackQueryHandler,
    CommandHandler,
    InlineQueryHandler,
    MessageHandler,
    filters,
)

from bots.preferences import Preferences
from bots.requests import Refused
from bots.telegram.admins import Admins
from bots.telegram.albums import Albums, Item
from bots.telegram.asides import Asides
from bots.telegram.broadcast import Broadcaster
from bots.telegram.door import TelegramDoor
from bots.telegram.groups import Groups
from bots.telegram.hints import hint_for
from bots.telegram.inline import Inline, OwnResults
from bots.telegram.intake import (
    ALBUM,
    Downloads,
    Shown,
    chosen_language,
    language_of,
    person_of,
    photo_of,
    replied_photo,
    reply_to,
    request_of,
)
from bots.telegram.personal import Personal
from bots.telegram.presses import Presses
from bots.telegram.reply import ReplyTo
from bots.telegram.speech import Speech
from bots.telegram.spinner import answer
from inference import Direction, Options
from storage import Job, Source, StorageError

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

Context = CallbackContext[Any, Any, Any, Any]

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
        asides: Asides,
        downloads: Downloads,
        speech: Speech,
        presses: Presses,
        personal: Personal,
        groups: Groups,
        inline: Inline,
        admins: Admins,
        broadcaster: Broadcaster,
    ) -> None:
        self._studio = studio
        self._door = door
        self._asides = asides
        self._downloads = downloads
        self._speech = speech
        self._presses = presses
        self._personal = personal
        self._groups = groups
        self._inline = inline
        self._admins = admins
        self._broadcaster = broadcaster
        self._albums = Albums(self._album)
        self.put_off = presses.put_off

    def add_to(self, application: Application[Any, Any, Any, Any, Any, Any]) -> None:
        for name in ("start", "help", "privacy"):
            application.add_handler(CommandHandler(name, self._tell, filters=_NEW))
        application.add_handler(CommandHandler("anime", self._anime, filters=_NEW))
        application.add_handler(CommandHandler("reverse", self._reverse, filters=_NEW))
        application.add_handler(CommandHandler("settings", self._groups.settings, filters=_GROUP))
        application.add_handler(CommandHandler("settings", self._personal.settings, filters=_NEW))
        application.add_handler(MessageHandler(_NEW & filters.StatusUpdate.MIGRATE, self._groups.moved))
        application.add_handler(CommandHandler("language", self._personal.language, filters=_NEW))
        application.add_handler(CommandHandler("forgetme", self._personal.forget, filters=_NEW))
        # Known to the operator's people alone; for all others such a command is not there, and falls through.
        operator = self._admins.commands | {"broadcast": self._broadcaster.command}
        for name, command in operator.items():
            application.add_handler(CommandHandler(name, command, filters=_PRIVATE & self._admins.only))
        application.add_handler(MessageHandler(_PRIVATE & ~OwnResults(), self._private))
        application.add_handler(MessageHandler(_GROUP & ~OwnResults(), self._group))
        application.add_handler(InlineQueryHandler(self._inline.query))
        application.add_handler(CallbackQueryHandler(self._presses.pressed))
        application.add_error_handler(self._failed)

    async def _tell(self, update: Update, context: Context) -> None:
        """/start, /help and /privacy: the words of that name."""
        if (message := update.message) is not None:
            name = (message.text or "/help").split()[0].removeprefix("/").partition("@")[0].lower()
            await self._say(message, name)

    async def _anime(self, update: Update, context: Context) -> None:
        """/anime as a reply to somebody's photo."""
        await self._paint_replied(update, Direction.ANIME)

    async def _reverse(self, update: Update, context: Context) -> None:
        """/reverse as a reply to somebody's drawing."""
        await self._paint_replied(update, Direction.REVERSE)

    async def _paint_replied(self, update: Update, direction: Direction) -> None:
        if (message := update.message) is None:
            return
        if (replied := replied_photo(message)) is not None:
            await self._take([update.update_id], message, [replied], direction)
        else:
            await self._say(message, _no_photo(message.reply_to_message, direction))

    async def _private(self, update: Update, context: Context) -> None:
        if (message := update.message) is None:
            return
        if message.media_group_id is not None:
            await self._albums.join(update.update_id, message)
        elif (photo := photo_of(message)) is not None:
            direction = _called(message) or Direction.ANIME
            await self._take([update.update_id], message, [Shown(message, photo)], direction)
        else:
            await self._say(message, hint_for(message))

    async def _group(self, update: Update, context: Context) -> None:
        """A photo with /anime or a mention below it or as a reply to the bot; a mention as a reply to a photo."""
        if (message := update.message) is None:
            return
        if message.media_group_id is not None:
            await self._albums.join(update.update_id, message)
            return
        direction = _addressed(message)
        if (photo := photo_of(message)) is not None:
            if direction is not None or (await self._groups.rules(message)).every:
                shown = [Shown(message, photo)]
                await self._take([update.update_id], message, shown, direction)
        elif (called := _called(message)) is not None:
            await self._paint_replied(update, called)

    async def _album(self, items: Sequence[Item]) -> None:
        """All photos of an album as one job; in a group if any of its items is addressed to the bot."""
        messages = [*{item.message.message_id: item.message for item in items}.values()]
        first = messages[0]
        directions = {_addressed(message) for message in messages} - {None}
        private = first.chat.type == ChatType.PRIVATE
        album = Source("telegram", str(first.chat_id), ALBUM, str(first.media_group_id))
        earlier = None if directions else await self._studio.job_of(album)
        if earlier is not None:  # these came late: what a caption asked for those before them holds for them as well
            directions = {_asked_for(earlier)} - {None}
        if not (directions or private or (await self._groups.rules(first)).every):
            return
        shown = [Shown(message, photo) for message in messages if (photo := photo_of(message)) is not None]
        if not shown:
            if (directions or private) and earlier is None:
                await self._say(first, hint_for(first))
            return
        direction = Direction.ANIME if directions or private else None
        if Direction.REVERSE in directions:
            direction = Direction.REVERSE
        updates = [item.update_id for item in items]
        job = await self._take(updates, first, shown, direction, album=first.media_group_id)
        if job is None:
            return
        taken = ReplyTo.from_json(job.reply).items
        for one in shown:
            if one.message.message_id not in taken:  # it came when its album was written down already
                await self._take(updates, one.message, [one], direction)

    async def _take(
        self,
        updates: Sequence[int],
        asked: Message,
        shown: Sequence[Shown],
        direction: Direction | None,
        *,
        album: str | None = None,
    ) -> Job | None:
        """Hand photos to the studio, and show where they stand. The same again shows nothing new.

        Args:
            updates: ids of those that brought the request.
            direction: None where nobody asked, in a group that wants every photo: then the picture comes or nothing.

        Returns:
            The job; None when there is none, and the person was told why.
        """
        person = await self._studio.people.get(person_of(asked))
        language = person.language or language_of(asked)
        rules = await self._groups.rules(asked)
        if not await self._groups.may_ask(asked, rules):
            if direction is not None:
                self._asides.answer(reply_to(asked), self._speech.say(language, "telegram.group.admins_only"))
            return None
        preferences = rules.over(Preferences.from_json(person.settings))
        request = request_of(asked, shown, language, preferences, direction, album)
        # An album may have been gathered meanwhile. What the studio has begun to take in, it wipes by itself.
        if self._personal.forgot_since(request.person, min(updates)):
            log.info("photo dropped, what came before is wiped", person=request.person)
            return None
        try:
            async with AsyncExitStack() as stack:
                photos = [self._downloads.chunks(one.photo) for one in shown]
                for photo in photos:
                    await stack.enter_async_context(aclosing(photo))
                job = await self._studio.accept(request, *photos)
        except Refused as refused:
            if refused.code == "stopping":
                # Not answered and not confirmed: Telegram sends it again after the start.
                self.put_off.update(updates)
                return None
            reference = secrets.token_hex(4)
            log.info("photo refused", code=refused.code, why=str(refused), reference=reference)
            if direction is not None:
                self._asides.answer(reply_to(asked), self._speech.refusal(language, refused, reference))
            return None
        # A job that is answered, or was taken in before, has no progress, or a status message to edit.
        progress = self._studio.progress_of(job.id)
        if progress is not None:
            await self._door.progress(job, progress)
        return job

    async def _say(self, message: Message, key: str) -> None:
        person = person_of(message)
        language = await chosen_language(self._studio.people, person, language_of(message))
        self._asides.say(reply_to(message), self._speech.say(language, key), person)

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
            if (message := update.message) is not None and _expects_answer(message):
                language = await self._spoken(person_of(message), language_of(message))
                self._asides.answer(reply_to(message), self._speech.failure(language, "unexpected", reference))

    async def _spoken(self, person: str, tag: str) -> str:
        try:
            return await chosen_language(self._studio.people, person, tag)
        except StorageError:  # perhaps the very failure that is to be told
            return tag


def _called(message: Message) -> Direction | None:
    """What the text or caption asks for: by /anime or /reverse for this bot, or by its name."""
    kinds: list[str | None] = [MessageEntity.MENTION, MessageEntity.BOT_COMMAND]
    found = message.parse_entities(kinds) if message.text is not None else message.parse_caption_entities(kinds)
    words = {word.lower() for word in found.values()}
    name = f"@{message.get_bot().username}".lower()
    if words & {"/reverse", f"/reverse{name}"}:
        return Direction.REVERSE
    return Direction.ANIME if words & {name, "/anime", f"/anime{name}"} else None


def _addressed(message: Message) -> Direction | None:
    """What a message with a photo asks for; a reply to the bot needs no word for it."""
    replied = message.reply_to_message
    to_bot = replied is not None and replied.from_user is not None and replied.from_user.id == message.get_bot().id
    return _called(message) or (Direction.ANIME if to_bot else None)


def _expects_answer(message: Message) -> bool:
    """Whether it is meant for the bot: in a group most messages are not."""
    command = (message.text or "").startswith("/")  # of another bot: nothing is done for it that might fail
    return message.chat.type == ChatType.PRIVATE or command or _addressed(message) is not None


def _asked_for(job: Job) -> Direction | None:
    """What its photos are to become; None where nobody asked for it."""
    return None if ReplyTo.from_json(job.reply).quiet else Options.from_json(job.options).direction


def _no_photo(replied: Message | None, direction: Direction) -> str:
    """Key of the words for who asks without a photo: what is wrong with the message replied to, or how it goes."""
    hint = hint_for(replied) if replied is not None else "send_photo"
    return f"telegram.{direction}" if hint in {"send_photo", "telegram.link"} else hint
