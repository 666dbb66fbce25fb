"""Pictures on their way to a chat: one as a photo with buttons, several as an album; or as files, untouched."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TypeVar

import structlog
from telegram import Bot, InlineKeyboardMarkup, InputMediaDocument, InputMediaPhoto, Message
from telegram.constants import MediaGroupLimit
from telegram.error import BadRequest

from bots.telegram.reply import ReplyTo
from bots.telegram.sending import NotAllowed, Place, send

log = structlog.get_logger(__name__)

NAME = "anime.png"
T = TypeVar("T")


@dataclass(slots=True)
class Sent:
    """What of an answer has gone out. The next try is given it, and sends the rest.

    Args:
        chat_id: where it is, which may be the supergroup that the chat became.
        ids: the messages, one for each picture.
        files: ids of those that were sent as photos.
    """

    chat_id: int
    ids: list[int] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def add(self, *messages: Message) -> None:
        self.chat_id = messages[0].chat_id
        self.ids += [message.message_id for message in messages]
        self.files += [message.photo[-1].file_id for message in messages if message.photo]


class Results:
    """All methods raise `Undeliverable` when nobody is there any more, and note in `sent` what goes out, part by part.

    More than ten pictures are several albums.
    """

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    async def photos(
        self,
        to: ReplyTo,
        pictures: Sequence[bytes],
        caption: str | None = None,
        buttons: InlineKeyboardMarkup | None = None,
        sent: Sent | None = None,
    ) -> None:
        """As photos, or as files where Telegram, or the chat, does not take them as photos.

        `buttons` go under a single one; an album takes none (Bot API, sendMediaGroup).

        Raises:
            BadRequest, NotAllowed: not as files either.
        """
        sent = sent or Sent(to.chat_id)
        try:
            if len(pictures) == 1:
                sent.add(await send(to, partial(self._photo, pictures[0], caption, buttons)))
            else:
                await self._album(to, [InputMediaPhoto(png, filename=NAME) for png in pictures], caption, sent)
        except (BadRequest, NotAllowed) as error:
            log.warning("not taken as photos, sent as files", why=str(error))
            await self.files(to, pictures, caption, buttons, sent)

    async def files(
        self,
        to: ReplyTo,
        pictures: Sequence[bytes],
        caption: str | None = None,
        buttons: InlineKeyboardMarkup | None = None,
        sent: Sent | None = None,
    ) -> None:
        """As files, untouched: Telegram makes a JPEG of every photo. See `photos`."""
        sent = sent or Sent(to.chat_id)
        if len(pictures) == 1:
            sent.add(await send(to, partial(self._file, pictures[0], caption, buttons)))
        else:
            await self._album(to, [InputMediaDocument(png, filename=NAME) for png in pictures], caption, sent)

    async def _photo(
        self, png: bytes, caption: str | None, buttons: InlineKeyboardMarkup | None, place: Place
    ) -> Message:
        return await self._bot.send_photo(
            place.chat_id,
            png,
            caption=caption,
            filename=NAME,
            message_thread_id=place.thread_id,
            reply_parameters=place.reply,
            reply_markup=buttons,
        )

    async def _file(
        self, png: bytes, caption: str | None, buttons: InlineKeyboardMarkup | None, place: Place
    ) -> Message:
        return await self._bot.send_document(
            place.chat_id,
            png,
            caption=caption,
            filename=NAME,
            message_thread_id=place.thread_id,
            reply_parameters=place.reply,
            reply_markup=buttons,
        )

    async def _album(
        self, to: ReplyTo, album: Sequence[InputMediaPhoto | InputMediaDocument], caption: str | None, sent: Sent
    ) -> None:
        end = 0
        for part in parts(album):
            end += len(part)
            if end > len(sent.ids):
                # The caption belongs to the first of all, and is shown below its album.
                sent.add(*await send(to, partial(self._group, part, None if sent.ids else caption)))

    async def _group(
        self, album: Sequence[InputMediaPhoto | InputMediaDocument], caption: str | None, place: Place
    ) -> tuple[Message, ...]:
        return await self._bot.send_media_group(
            place.chat_id,
            album,
            caption=caption,
            message_thread_id=place.thread_id,
            reply_parameters=place.reply,
        )


def parts(album: Sequence[T]) -> list[Sequence[T]]:
    """As few parts of 2 to 10 as possible, all about as long (Bot API, sendMediaGroup)."""
    count = -(-len(album) // MediaGroupLimit.MAX_MEDIA_LENGTH)
    ends = [len(album) * number // count for number in range(count + 1)]
    return [album[start:end] for start, end in pairwise(ends)]
