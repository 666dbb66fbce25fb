"""The commands people see, and one handler for what goes wrong in them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import discord
import structlog
from discord import app_commands

from bots.discord.intake import READABLE, Intake
from bots.discord.labels import label_of
from bots.discord.phrases import Phrases, new_reference
from bots.words import Words
from inference.options import Crop, Faces, Options

log = structlog.get_logger(__name__)

Label = Callable[[str], app_commands.locale_str]

EVERYWHERE = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
EVERYBODY = app_commands.AppInstallationType(guild=True, user=True)


class AnimeTree(app_commands.CommandTree[discord.Client]):
    """The command tree: usable in servers, direct and group messages, installed by a server or by a person."""

    def __init__(self, client: discord.Client, intake: Intake, phrases: Phrases, words: Words) -> None:
        super().__init__(client, allowed_contexts=EVERYWHERE, allowed_installs=EVERYBODY)
        self._phrases = phrases
        label = partial(label_of, words)
        _add_anime(self, intake, phrases, label)
        _add_texts(self, phrases, label)

    async def on_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError, /) -> None:
        """Every failure nobody foresaw: one sentence with a reference that stands in the log too."""
        reference = new_reference()
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        command = interaction.command.qualified_name if interaction.command else None
        log.error("discord command failed", reference=reference, command=command, exc_info=cause)
        await say(interaction, self._phrases.failure(str(interaction.locale), "unexpected", reference), private=True)


async def say(interaction: discord.Interaction, text: str, *, private: bool) -> None:
    """Answer, or edit the answer if there is one. An interaction that is over is left alone."""
    quiet: dict[str, Any] = {"allowed_mentions": discord.AllowedMentions.none()}
    try:
        if interaction.response.is_done():
            await interaction.edit_original_response(content=text, **quiet)
        else:
            await interaction.response.send_message(text, ephemeral=private, **quiet)
    except discord.HTTPException as error:
        log.warning("discord answer failed", status=error.status, code=error.code)


def _add_anime(tree: AnimeTree, intake: Intake, phrases: Phrases, label: Label) -> None:
    @tree.command(name="anime", description=label("command_anime"))
    @app_commands.describe(
        photo=label("command_anime_photo"),
        faces=label("command_anime_faces"),
        crop=label("command_anime_crop"),
        whole=label("command_anime_whole"),
        private=label("command_anime_private"),
    )
    @app_commands.choices(
        faces=[app_commands.Choice(name=label(f"command_anime_faces_{one}"), value=one.value) for one in Faces],
        crop=[app_commands.Choice(name=label(f"command_anime_crop_{one}"), value=one.value) for one in Crop],
    )
    async def anime(
        interaction: discord.Interaction,
        photo: discord.Attachment,
        faces: str = Faces.ALL.value,
        crop: str = Crop.DEFAULT.value,
        whole: bool = False,
        private: bool = False,
    ) -> None:
        await intake.take(interaction, photo, Options(Faces(faces), Crop(crop), whole), private=private)

    @tree.context_menu(name=label("menu_anime"))
    async def anime_this(interaction: discord.Interaction, message: discord.Message) -> None:
        photo = first_photo(message)
        if photo is None:
            await say(interaction, phrases.say(str(interaction.locale), "discord.no_photo_here"), private=True)
        else:
            await intake.take(interaction, photo, Options(), private=False)


def _add_texts(tree: AnimeTree, phrases: Phrases, label: Label) -> None:
    @tree.command(name="help", description=label("command_help"))
    async def help_(interaction: discord.Interaction) -> None:
        await say(interaction, phrases.help(str(interaction.locale)), private=True)

    @tree.command(name="privacy", description=label("command_privacy"))
    async def privacy(interaction: discord.Interaction) -> None:
        await say(interaction, phrases.privacy(str(interaction.locale)), private=True)


def first_photo(message: discord.Message) -> discord.Attachment | None:
    """The first attachment that looks like a photo, also of a forwarded message."""
    attachments = [*message.attachments, *(found for part in message.message_snapshots for found in part.attachments)]
    images = [found for found in attachments if (found.content_type or "").split(";")[0] in READABLE]
    return images[0] if images else None
