"""What the people named in ADMINS can do in their private chat: /block, /unblock and /stats."""

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from telegram import Message, Update
from telegram.ext import CallbackContext, filters

from bots.operator import stats_told
from bots.requests import Undeliverable
from bots.telegram.door import TelegramDoor
from bots.telegram.intake import chosen_language, language_of, person_of, reply_to
from bots.telegram.speech import Speech

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

Context = CallbackContext[Any, Any, Any, Any]
_PREFIX = "telegram:"


class Admins:
    """The operator's commands.

    Args:
        admins: ADMINS, `platform:id` each.

    Attributes:
        ids: of those on Telegram.
        only: lets through the messages of those people.
        commands: by name.
    """

    def __init__(self, studio: "Studio", door: TelegramDoor, speech: Speech, admins: Sequence[str]) -> None:
        self._studio = studio
        self._door = door
        self._speech = speech
        ids = (admin.removeprefix(_PREFIX) for admin in admins if admin.startswith(_PREFIX))
        self.ids = tuple(int(number) for number in ids if number.isdecimal())
        self.only = filters.User(self.ids)
        self.commands: dict[str, Callable[[Update, Context], Coroutine[Any, Any, None]]] = {
            "block": self._block,
            "unblock": self._unblock,
            "stats": self._stats,
        }

    async def _block(self, update: Update, context: Context) -> None:
        await self._set_blocked(update.message, context.args or [], True)

    async def _unblock(self, update: Update, context: Context) -> None:
        await self._set_blocked(update.message, context.args or [], False)

    async def _set_blocked(self, message: Message | None, arguments: Sequence[str], blocked: bool) -> None:
        if message is None:
            return
        person = _person(arguments)
        if person is None:
            await self._say(message, "telegram.block_usage")
            return
        await self._studio.people.block(person, blocked)
        log.info("person blocked" if blocked else "person unblocked", person=person, by=person_of(message))
        await self._say(message, "operator.blocked_now" if blocked else "operator.unblocked_now", person=person)

    async def _stats(self, update: Update, context: Context) -> None:
        if (message := update.message) is None:
            return
        language = await self._language(message)
        await self._tell(message, stats_told(self._speech.words, language, await self._studio.stats()))

    async def _language(self, message: Message) -> str:
        return await chosen_language(self._studio.people, person_of(message), language_of(message))

    async def _say(self, message: Message, key: str, **values: object) -> None:
        await self._tell(message, self._speech.say(await self._language(message), key, **values))

    async def _tell(self, message: Message, text: str) -> None:
        try:
            await self._door.say(reply_to(message), text)
        except Undeliverable as error:
            log.info("nobody to answer", why=str(error))


def _person(arguments: Sequence[str]) -> str | None:
    """`platform:id` of whom a command means; a bare number is one of Telegram's."""
    if len(arguments) != 1:
        return None
    if re.fullmatch(r"-?\d{1,20}", arguments[0]):
        return f"{_PREFIX}{arguments[0]}"
    return arguments[0] if re.fullmatch(r"(telegram|discord|web):[\w-]{1,64}", arguments[0]) else None
