"""What a person decides for themselves, in their private chat: settings, language, and to be forgotten."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from telegram import CallbackQuery, InlineKeyboardMarkup, Message, Update
from telegram.constants import ChatType
from telegram.ext import CallbackContext

from bots.preferences import Preferences
from bots.telegram.asides import Asides
from bots.telegram.buttons import AUTOMATIC, Action, Buttons, Pressed
from bots.telegram.intake import chosen_language, language_of, person_of, reply_to
from bots.telegram.speech import Speech
from inference import Crop, Faces

if TYPE_CHECKING:
    from bots.studio import Studio

Context = CallbackContext[Any, Any, Any, Any]

REMEMBERED = 600.0  # seconds; later, nothing that came before is still on its way, and Telegram may count anew one day


class Personal:
    """/settings, /language and /forgetme, and the buttons under their answers."""

    def __init__(self, studio: "Studio", asides: Asides, buttons: Buttons, speech: Speech) -> None:
        self._studio = studio
        self._asides = asides
        self._buttons = buttons
        self._speech = speech
        self._forgot: dict[str, int] = {}  # by person, the update that asked for it
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # settings, by person

    async def settings(self, update: Update, context: Context) -> None:
        if (message := update.message) is not None:
            language = await self._language(message)
            person = await self._studio.people.get(person_of(message))
            buttons = self._buttons.settings(language, Preferences.from_json(person.settings))
            self._ask(message, language, "personal.settings", buttons)

    async def language(self, update: Update, context: Context) -> None:
        if (message := update.message) is not None:
            language = await self._language(message)
            person = await self._studio.people.get(person_of(message))
            self._ask(message, language, "personal.language", self._buttons.languages(language, person.language))

    async def forget(self, update: Update, context: Context) -> None:
        if (message := update.message) is not None:
            language = await self._language(message)
            self._ask(message, language, "personal.forget", self._buttons.forget(language))

    def forgot_since(self, person: str, update_id: int) -> bool:
        """Whether that person had all that they sent before wiped after that update had come."""
        return update_id < self._forgot.get(person, 0)

    async def pressed(
        self, update_id: int, query: CallbackQuery, message: Message, meant: Pressed, language: str
    ) -> str | None:
        """Do what one of these buttons stands for; returns what the answer to the press says."""
        person = f"telegram:{query.from_user.id}"
        if message.chat_id != query.from_user.id:
            return self._speech.say(language, "telegram.in_private")
        if meant.action is Action.FORGET:
            self._forgot[person] = update_id
            asyncio.get_running_loop().call_later(REMEMBERED, self._forgot.pop, person, None)
            forgotten = await self._studio.forget(person)
            # The language that they had chosen is forgotten as well, but it is still the one they read.
            text = self._speech.say(
                language, "personal.forgotten", photos=forgotten.photos, pictures=forgotten.pictures
            )
            self._asides.show(message, text)
        elif meant.action is Action.KEEP:
            self._asides.show(message, self._speech.say(language, "personal.kept"))
        elif meant.action is Action.LANGUAGE:
            chosen = None if meant.argument == AUTOMATIC else meant.argument
            await self._studio.people.set_language(person, chosen)
            language = chosen or query.from_user.language_code or "en"
            text = self._speech.say(language, "personal.language")
            self._asides.show(message, text, self._buttons.languages(language, chosen))
        else:
            async with self._changing.setdefault(person, asyncio.Lock()):
                known = await self._studio.people.get(person)
                preferences = _with(Preferences.from_json(known.settings), meant)
                await self._studio.people.set_settings(person, preferences.to_json())
            text = self._speech.say(language, "personal.settings")
            self._asides.show(message, text, self._buttons.settings(language, preferences))
        return None

    def _ask(self, message: Message, language: str, key: str, buttons: InlineKeyboardMarkup) -> None:
        to, person = reply_to(message), person_of(message)
        if message.chat.type == ChatType.PRIVATE:
            self._asides.say(to, self._speech.say(language, key), person, buttons)
        else:
            self._asides.say(to, self._speech.say(language, "telegram.in_private"), person)

    async def _language(self, message: Message) -> str:
        return await chosen_language(self._studio.people, person_of(message), language_of(message))


def _with(preferences: Preferences, meant: Pressed) -> Preferences:
    if meant.action is Action.FACES:
        return replace(preferences, faces=Faces(meant.argument))
    if meant.action is Action.CROP:
        return replace(preferences, crop=Crop(meant.argument))
    return replace(preferences, beside=meant.argument == "on")
