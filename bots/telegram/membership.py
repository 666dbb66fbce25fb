"""Who runs a group."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from telegram import Bot, Message
from telegram.constants import ChatMemberStatus
from telegram.error import TelegramError

log = structlog.get_logger(__name__)

FRESH_FOR = 60.0  # seconds: a group that asks for every photo would else cost one call for each
KEPT = 1_024


@dataclass(frozen=True, slots=True)
class _Heads:
    ids: frozenset[int]
    until: float


class Membership:
    """Asks Telegram for a group's admins. getChatAdministrators works in every group, whoever may see its members.

    Args:
        clock: seconds, of any origin.
    """

    def __init__(self, bot: Bot, clock: Callable[[], float] = time.monotonic) -> None:
        self._bot = bot
        self._clock = clock
        self._known: dict[int, _Heads] = {}

    async def writes_as_admin(self, message: Message) -> bool:
        """Whether it is an admin who wrote a message of a group: by name, anonymously, or by the group's channel."""
        if message.sender_chat is not None:
            return message.sender_chat.id == message.chat_id or bool(message.is_automatic_forward)
        return message.from_user is not None and await self.is_admin(message.chat_id, message.from_user.id)

    async def is_admin(self, chat_id: int, user_id: int, *, now: bool = False) -> bool:
        """Whether somebody is an admin. `now`: not as it was a moment ago. When Telegram does not say, they are not."""
        heads = self._known.get(chat_id)
        if now or heads is None or heads.until < self._clock():
            try:
                members = await self._bot.get_chat_administrators(chat_id)
            except TelegramError as error:
                log.info("admins not known", chat=chat_id, why=str(error))
                return False
            if len(self._known) >= KEPT:
                self._known.clear()
            ids = frozenset(member.user.id for member in members)
            heads = self._known[chat_id] = _Heads(ids, self._clock() + FRESH_FOR)
        return user_id in heads.ids

    async def sees_every_message(self, chat_id: int) -> bool:
        """Whether the bot itself is sent all messages of a group: privacy mode is off, or it is an admin there."""
        if self._bot.bot.can_read_all_group_messages:
            return True
        try:
            member = await self._bot.get_chat_member(chat_id, self._bot.id)
        except TelegramError as error:
            log.info("own rights not known", chat=chat_id, why=str(error))
            return False
        return member.status == ChatMemberStatus.ADMINISTRATOR
