"""Who has written to the bot in private, and who no longer wants to hear from it."""

from collections.abc import Awaitable, Callable

import structlog
from telegram import Update
from telegram.constants import ChatMemberStatus, ChatType

from bots.telegram.personal import Context
from storage import StorageError
from storage.broadcasts import Broadcasts

log = structlog.get_logger(__name__)

_OUT = {ChatMemberStatus.BANNED, ChatMemberStatus.LEFT}


class Audience:
    """Notes down, and answers nobody.

    Args:
        greet: is called with the id of somebody who writes for the first time.
    """

    def __init__(self, broadcasts: Broadcasts, greet: Callable[[int], Awaitable[None]]) -> None:
        self._broadcasts = broadcasts
        self._greet = greet

    async def wrote(self, update: Update, context: Context) -> None:
        message = update.message
        if message is None or message.chat.type != ChatType.PRIVATE:
            return
        try:
            if await self._broadcasts.wrote(f"telegram:{message.chat_id}"):
                await self._greet(message.chat_id)
        except StorageError as error:  # what they wrote is answered all the same, or its failure told
            log.warning("correspondent not noted", why=str(error))

    async def standing(self, update: Update, context: Context) -> None:
        """Somebody blocks the bot in their private chat, or takes that back."""
        change = update.my_chat_member
        if change is None or change.chat.type != ChatType.PRIVATE:
            return
        person = f"telegram:{change.chat.id}"
        if change.new_chat_member.status in _OUT:
            await self._broadcasts.left(person)
        else:
            await self._broadcasts.wrote(person)
