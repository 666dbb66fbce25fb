"""/settings in a group, for its admins, and what follows from them for a photo there."""

import asyncio
from dataclasses import replace
from weakref import WeakValueDictionary

import structlog
from telegram import CallbackQuery, Message, Update
from telegram.constants import ChatType

from bots.telegram.asides import Asides
from bots.telegram.buttons import Action, Buttons, Pressed
from bots.telegram.group_rules import GroupRules
from bots.telegram.intake import chosen_language, language_of, person_of, reply_to
from bots.telegram.membership import Membership
from bots.telegram.personal import Context
from bots.telegram.speech import Speech
from inference import Crop, Faces
from storage import People

log = structlog.get_logger(__name__)


class Groups:
    """Rules are kept as the settings of a person named `telegram-chat:ID`."""

    def __init__(
        self, people: People, asides: Asides, buttons: Buttons, speech: Speech, membership: Membership
    ) -> None:
        self._people = people
        self._asides = asides
        self._buttons = buttons
        self._speech = speech
        self._membership = membership
        self._changing: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()  # rules, by chat

    async def rules(self, message: Message) -> GroupRules:
        """Those of the chat that a message is in; in private there are none."""
        return GroupRules() if message.chat.type == ChatType.PRIVATE else await self._rules(message.chat_id)

    async def may_ask(self, message: Message, rules: GroupRules) -> bool:
        """Whether the bot paints for whoever wrote this."""
        return not rules.admins_only or await self._membership.writes_as_admin(message)

    async def settings(self, update: Update, context: Context) -> None:
        """/settings in a group."""
        if (message := update.message) is None:
            return
        person = person_of(message)
        language = await chosen_language(self._people, person, language_of(message))
        if await self._membership.writes_as_admin(message):
            rules = await self._rules(message.chat_id)
            text = await self._text(message.chat_id, language)
            self._asides.say(reply_to(message), text, person, self._buttons.group(language, rules))
        else:
            self._asides.say(reply_to(message), self._speech.say(language, "telegram.group.for_admins"), person)

    async def pressed(self, query: CallbackQuery, message: Message, meant: Pressed, language: str) -> str | None:
        """Do what a button under these settings stands for; returns what the answer to the press says."""
        chat_id = message.chat_id
        if not await self._membership.is_admin(chat_id, query.from_user.id, now=True):
            return self._speech.say(language, "telegram.group.for_admins")
        text = await self._text(chat_id, language)
        async with self._changing.setdefault(chat_id, asyncio.Lock()):
            rules = _with(await self._rules(chat_id), meant)
            await self._people.set_settings(_name(chat_id), rules.to_json())
        log.info("group settings changed", chat=chat_id, rules=rules.to_json())
        self._asides.show(message, text, self._buttons.group(language, rules))
        return None

    async def moved(self, update: Update, context: Context) -> None:
        """A group has become a supergroup, with an id of its own: its rules move along."""
        message = update.message
        if message is None or message.migrate_to_chat_id is None:
            return
        old, new = _name(message.chat_id), _name(message.migrate_to_chat_id)
        known = await self._people.get(old)
        if known.settings != "{}":
            await self._people.set_settings(new, known.settings)
            await self._people.forget(old)

    async def _rules(self, chat_id: int) -> GroupRules:
        return GroupRules.from_json((await self._people.get(_name(chat_id))).settings)

    async def _text(self, chat_id: int, language: str) -> str:
        keys = ["telegram.group.settings"]
        if not await self._membership.sees_every_message(chat_id):
            keys.append("telegram.group.blind")
        return "\n\n".join(self._speech.say(language, key) for key in keys)


def _name(chat_id: int) -> str:
    return f"telegram-chat:{chat_id}"


def _with(rules: GroupRules, meant: Pressed) -> GroupRules:
    if meant.action is Action.REACT:
        return replace(rules, every=meant.argument == "every")
    if meant.action is Action.USE:
        return replace(rules, admins_only=meant.argument == "admins")
    if meant.action is Action.GROUP_FACES:  # once more: as each likes it
        faces = Faces(meant.argument)
        return replace(rules, faces=None if rules.faces is faces else faces)
    crop = Crop(meant.argument)
    return replace(rules, crop=None if rules.crop is crop else crop)
