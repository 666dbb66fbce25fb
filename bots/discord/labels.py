"""Names and descriptions of commands, in the language that each person's Discord is set to."""

import discord
from discord import app_commands

from bots.words import DEFAULT, Words


def label_of(words: Words, name: str) -> app_commands.locale_str:
    """The English text of `discord.NAME`, which `Labels` finds in the other languages.

    Raises:
        KeyError: the catalogue has no such text.
    """
    key = f"discord.{name}"
    return app_commands.locale_str(words.say(DEFAULT, key), key=key)


class Labels(app_commands.Translator):
    """Fills in what Discord shows to people who use it in one of the catalogues' languages; to all others, English."""

    def __init__(self, words: Words) -> None:
        self._words = words

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        # What has no key is typed or sent by programs: names of commands and options stay the same everywhere.
        key, language = string.extras.get("key"), self._words.pick(str(locale))
        return None if key is None or language == DEFAULT else self._words.say(language, key)
