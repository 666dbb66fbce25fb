"""What a person decides for themselves: settings, language, and to be forgotten. Seen by them alone."""

from dataclasses import replace
from typing import TYPE_CHECKING

import discord

from bots.discord.buttons import Buttons
from bots.discord.intake import language_of, say
from bots.discord.phrases import Phrases
from bots.preferences import Preferences
from inference.options import Crop, Faces

if TYPE_CHECKING:
    from bots.studio import Studio

AUTOMATIC = "auto"
"""The language that a person's Discord is set to."""


class Personal:
    """/settings, /language and /forgetme."""

    def __init__(self, studio: "Studio", phrases: Phrases) -> None:
        self._studio = studio
        self._phrases = phrases
        self._buttons = Buttons(phrases)

    async def settings(
        self, interaction: discord.Interaction, faces: Faces | None, crop: Crop | None, beside: bool | None
    ) -> None:
        """Change what is given, and say how photos are painted from now on."""
        await interaction.response.defer(thinking=True, ephemeral=True)  # the database may be busy
        person = f"discord:{interaction.user.id}"
        known = await self._studio.people.get(person)
        preferences = Preferences.from_json(known.settings)
        if faces is not None:
            preferences = replace(preferences, faces=faces)
        if crop is not None:
            preferences = replace(preferences, crop=crop)
        if beside is not None:
            preferences = replace(preferences, beside=beside)
        if preferences != Preferences.from_json(known.settings):
            await self._studio.people.set_settings(person, preferences.to_json())
        language = known.language or str(interaction.locale)
        chosen = [
            f"button.faces_{preferences.faces}",
            f"discord.command_anime_crop_{preferences.crop}",
            "button.beside" if preferences.beside else "button.alone",
        ]
        choices = " · ".join(self._phrases.say(language, key) for key in chosen)
        await say(interaction, self._phrases.say(language, "discord.settings", choices=choices), private=True)

    async def language(self, interaction: discord.Interaction, language: str) -> None:
        """Write to them in that language from now on."""
        await interaction.response.defer(thinking=True, ephemeral=True)
        chosen = None if language == AUTOMATIC else language
        await self._studio.people.set_language(f"discord:{interaction.user.id}", chosen)
        text = self._phrases.say(chosen or str(interaction.locale), "discord.language_set")
        await say(interaction, text, private=True)

    async def forget(self, interaction: discord.Interaction) -> None:
        """Ask first: what is wiped is gone."""
        language = await language_of(self._studio.people, interaction)
        text = self._phrases.say(language, "personal.forget")
        await say(interaction, text, view=self._buttons.forget(language), private=True)
