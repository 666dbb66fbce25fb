"""Stickers on their way to a chat, each a message of its own."""

from collections.abc import Sequence
from functools import partial

from telegram import Bot, Message

from bots.telegram.reply import ReplyTo
from bots.telegram.sending import Place, send


async def send_stickers(bot: Bot, to: ReplyTo, stickers: Sequence[bytes]) -> None:
    """Send WebP stickers, one after the other.

    Raises:
        Undeliverable: nobody is there any more.
    """
    for sticker in stickers:
        await send(to, partial(_send, bot, sticker))


async def _send(bot: Bot, sticker: bytes, place: Place) -> Message:
    return await bot.send_sticker(
        place.chat_id, sticker, message_thread_id=place.thread_id, reply_parameters=place.reply
    )
