"""Pictures on their way to a chat: one as a photo with buttons, several as an album; or as files, untouched."""

from collections.abc import Sequence

import structlog
from telegram import Bot, InlineKeyboardMarkup, InputMediaDocument, InputMediaPhoto, Message
from telegram.error import BadRequest

from bots.telegram.reply import ReplyTo
from bots.telegram.sending import Place, send

log = structlog.get_logger(__name__)

NAME = "anime.png"


class Results:
    """All methods raise `Undeliverable` when nobody is there any more, and return the messages that were sent."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    async def photos(
        self, to: ReplyTo, pictures: Sequence[bytes], caption: str | None, buttons: InlineKeyboardMarkup | None = None
    ) -> tuple[Message, ...]:
        """As photos. `buttons` go under a single one; an album takes none (Bot API, sendMediaGroup)."""
        if len(pictures) == 1:
            return (await send(to, lambda place: self._photo(place, pictures[0], caption, buttons)),)
        # An album takes 2 to 10, and LIMITS_FACES ends at 10.
        return await self._album(to, [InputMediaPhoto(png, filename=NAME) for png in pictures], caption)

    async def files(self, to: ReplyTo, pictures: Sequence[bytes]) -> tuple[Message, ...]:
        """As files: Telegram makes a JPEG of every photo."""
        if len(pictures) == 1:
            return (await send(to, lambda place: self._file(place, pictures[0], None, None)),)
        return await self._album(to, [InputMediaDocument(png, filename=NAME) for png in pictures], None)

    async def _photo(
        self, place: Place, png: bytes, caption: str | None, buttons: InlineKeyboardMarkup | None
    ) -> Message:
        try:
            return await self._bot.send_photo(
                place.chat_id,
                png,
                caption=caption,
                filename=NAME,
                message_thread_id=place.thread_id,
                reply_parameters=place.reply,
                reply_markup=buttons,
            )
        except BadRequest as error:
            if not any(words in str(error).lower() for words in ("image_process_failed", "invalid_dimensions")):
                raise
            log.warning("picture not taken as a photo, sent as a file", why=str(error))
            return await self._file(place, png, caption, buttons)

    async def _file(
        self, place: Place, png: bytes, caption: str | None, buttons: InlineKeyboardMarkup | None
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
        self, to: ReplyTo, album: Sequence[InputMediaPhoto | InputMediaDocument], caption: str | None
    ) -> tuple[Message, ...]:
        return await send(
            to,
            lambda place: self._bot.send_media_group(
                place.chat_id,
                album,
                caption=caption,
                message_thread_id=place.thread_id,
                reply_parameters=place.reply,
            ),
        )
