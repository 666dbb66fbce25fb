"""Sending to a chat that may have changed meanwhile: migrated, its topic or the photo gone, or the bot thrown out."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog
from telegram import Bot, ReplyParameters
from telegram.error import BadRequest, ChatMigrated, Forbidden, TelegramError

from bots.requests import Undeliverable
from bots.telegram.reply import ReplyTo

log = structlog.get_logger(__name__)

T = TypeVar("T")

# What Telegram says then.
_GONE = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "not enough rights",
    "have no rights to send",
    "chat_write_forbidden",
    "chat_send_plain_forbidden",
    "topic_closed",
    "group chat was deactivated",
    "channel_private",
)
# Of one kind of message, while words are allowed.
_KIND_FORBIDDEN = re.compile(
    "not enough rights to send (?!(text )?messages?)|chat_send_(?!plain)[a-z_]+_forbidden", re.IGNORECASE
)
_NO_TOPIC = ("message thread not found", "topic_deleted")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one message is sent: a chat, a topic in it, and the message it replies to."""

    chat_id: int
    thread_id: int | None
    reply: ReplyParameters | None


class NotAllowed(Undeliverable):
    """The chat takes words, but not this kind of message: its admins allow no photos there, or no stickers."""


def gone(error: BadRequest) -> bool:
    """Whether nobody is there, or nothing may be sent there, however often one tries."""
    return any(words in str(error).lower() for words in _GONE)


async def send(to: ReplyTo, call: Callable[[Place], Awaitable[T]]) -> T:
    """Send with `call`, also when the photo, its topic or the old id of the chat is gone.

    Raises:
        NotAllowed: the chat does not take this kind of message.
        Undeliverable: the bot is blocked or may not write there, or the chat is gone.
        TelegramError: anything else; another try may work.
    """
    # A deleted photo must not cost the answer: it comes without being a reply then.
    reply = ReplyParameters(to.message_id, allow_sending_without_reply=True) if to.message_id else None
    place = Place(to.chat_id, to.thread_id, reply)
    try:
        return await call(place)
    except ChatMigrated as error:
        return await send(to.moved(error.new_chat_id), call)
    except Forbidden as error:
        raise _lost(error) from error
    except BadRequest as error:
        what = str(error).lower()
        if to.thread_id is not None and any(words in what for words in _NO_TOPIC):
            return await send(replace(to, thread_id=None), call)
        if gone(error) or _KIND_FORBIDDEN.search(what):
            raise _lost(error) from error
        raise


async def remove(bot: Bot, chat_id: int, message_id: int) -> bool:
    """Delete one of the bot's messages. False: it is still there, and the bot can't change that."""
    try:
        await bot.delete_message(chat_id, message_id)
    except (BadRequest, Forbidden) as error:
        log.info("message not deleted", why=str(error))
        return "not found" in str(error).lower()
    return True


def _lost(error: TelegramError) -> Undeliverable:
    return (NotAllowed if _KIND_FORBIDDEN.search(str(error)) else Undeliverable)(str(error))
