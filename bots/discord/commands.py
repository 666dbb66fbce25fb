"""The commands people see, and one handler for what goes wrong in them."""

from collections.abc import Callable
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

import discord
import structlog
from discord import app_commands

from bots.discord.files import MOST_FILES
from bots.discord.intake import READABLE, Intake, Offered, language_of, say
from bots.discord.labels import label_of
from bots.discord.operators import Operators
from bots.discord.personal import AUTOMATIC, Personal
from bots.discord.phrases import Phrases, new_reference
from bots.preferences import Preferences
from bots.words import Words
from inference.options import Crop, Direction, Faces, Options

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

Label = Callable[[str], app_commands.locale_str]

PHOTO_ENDINGS = frozenset({"", ".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
EVERYWHERE = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
EVERYBODY = app_commands.AppInstallationType(guild=True, user=True)


class AnimeTree(app_commands.CommandTree[discord.Client]):
    """The command tree: usable in servers, direct and group messages, installed by a server or by a person."""

    def __init__(
        self,
        client: discord.Client,
        intake: Intake,
        personal: Personal,
        operators: Operators,
        studio: "Studio",
        phrases: Phrases,
        words: Words,
    ) -> None:
        super().__init__(client, allowed_contexts=EVERYWHERE, allowed_installs=EVERYBODY)
        self._phrases = phrases
        label = partial(label_of, words)
        _add_anime(self, intake, studio, phrases, label)
        _add_menus(self, intake, studio, phrases, label)
        _add_personal(self, personal, phrases, label)
        if operators.ids:
            _add_operators(self, operators, label)
        _add_texts(self, studio, phrases, label)

    async def on_error(self, interaction: discord.Interaction, error: app_commands.AppCommandError, /) -> None:
        """Every failure nobody foresaw: one sentence with a reference that stands in the log too."""
        reference = new_reference()
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        command = interaction.command.qualified_name if interaction.command else None
        log.error("discord command failed", reference=reference, command=command, exc_info=cause)
        await say(interaction, self._phrases.failure(str(interaction.locale), "unexpected", reference), private=True)


def _add_anime(tree: AnimeTree, intake: Intake, studio: "Studio", phrases: Phrases, label: Label) -> None:
    @tree.command(name="anime", description=label("command_anime"))
    @app_commands.describe(
        photo=label("command_anime_photo"),
        user=label("command_anime_user"),
        faces=label("command_anime_faces"),
        crop=label("command_anime_crop"),
        whole=label("command_anime_whole"),
        reverse=label("command_anime_reverse"),
        private=label("command_anime_private"),
        spoiler=label("command_anime_spoiler"),
        photo2=label("command_anime_photo2"),
        photo3=label("command_anime_photo3"),
        photo4=label("command_anime_photo4"),
    )
    @app_commands.choices(faces=_faces(label), crop=_crops(label))
    async def anime(
        interaction: discord.Interaction,
        photo: discord.Attachment | None = None,
        user: discord.User | None = None,
        faces: str | None = None,
        crop: str | None = None,
        whole: bool = False,
        reverse: bool = False,
        private: bool = False,
        spoiler: bool = False,
        photo2: discord.Attachment | None = None,
        photo3: discord.Attachment | None = None,
        photo4: discord.Attachment | None = None,
    ) -> None:
        photos = [Offered.attached(each) for each in (photo, photo2, photo3, photo4) if each is not None]
        if user is not None:
            photos.append(Offered.avatar(user))
        if not photos:
            language = await language_of(studio.people, interaction)
            await say(interaction, phrases.say(language, "discord.nothing_to_paint"), private=True)
            return

        def choose(preferences: Preferences) -> Options:
            return Options(
                Faces(faces or preferences.faces),
                Crop(crop or preferences.crop),
                whole,
                direction=Direction.REVERSE if reverse else Direction.ANIME,
            )

        await intake.take(interaction, photos, choose, private=private, spoiler=spoiler)


def _add_menus(tree: AnimeTree, intake: Intake, studio: "Studio", phrases: Phrases, label: Label) -> None:
    @tree.context_menu(name=label("menu_anime"))
    async def anime_this(interaction: discord.Interaction, message: discord.Message) -> None:
        photos = photos_of(message)
        if photos:
            await intake.take(interaction, photos)
        else:
            language = await language_of(studio.people, interaction)
            await say(interaction, phrases.say(language, "discord.no_photo_here"), private=True)

    @tree.context_menu(name=label("menu_anime"))
    async def anime_them(interaction: discord.Interaction, user: discord.User) -> None:
        await intake.take(interaction, [Offered.avatar(user)])


def _add_personal(tree: AnimeTree, personal: Personal, phrases: Phrases, label: Label) -> None:
    @tree.command(name="settings", description=label("command_settings"))
    @app_commands.describe(
        faces=label("command_anime_faces"), crop=label("command_anime_crop"), beside=label("command_settings_beside")
    )
    @app_commands.choices(faces=_faces(label), crop=_crops(label))
    async def settings(
        interaction: discord.Interaction,
        faces: str | None = None,
        crop: str | None = None,
        beside: bool | None = None,
    ) -> None:
        await personal.settings(
            interaction, None if faces is None else Faces(faces), None if crop is None else Crop(crop), beside
        )

    named = [app_commands.Choice(name=name, value=code) for code, name in phrases.languages.items()]
    automatic = app_commands.Choice(name=label("command_language_automatic"), value=AUTOMATIC)

    @tree.command(name="language", description=label("command_language"))
    @app_commands.describe(language=label("command_language"))
    @app_commands.choices(language=[automatic, *named])
    async def language_(interaction: discord.Interaction, language: str) -> None:
        await personal.language(interaction, language)

    @tree.command(name="forgetme", description=label("command_forgetme"))
    async def forgetme(interaction: discord.Interaction) -> None:
        await personal.forget(interaction)


def _add_operators(tree: AnimeTree, operators: Operators, label: Label) -> None:
    # On servers shown to their administrators alone; who may use them is decided by ADMINS, everywhere.
    hidden = app_commands.default_permissions(administrator=True)

    @tree.command(name="block", description=label("command_block"))
    @app_commands.describe(user=label("command_block_user"))
    @hidden
    async def block(interaction: discord.Interaction, user: discord.User) -> None:
        await operators.block(interaction, user, blocked=True)

    @tree.command(name="unblock", description=label("command_unblock"))
    @app_commands.describe(user=label("command_unblock_user"))
    @hidden
    async def unblock(interaction: discord.Interaction, user: discord.User) -> None:
        await operators.block(interaction, user, blocked=False)

    @tree.command(name="stats", description=label("command_stats"))
    @hidden
    async def stats(interaction: discord.Interaction) -> None:
        await operators.stats(interaction)


def _add_texts(tree: AnimeTree, studio: "Studio", phrases: Phrases, label: Label) -> None:
    @tree.command(name="help", description=label("command_help"))
    async def help_(interaction: discord.Interaction) -> None:
        await say(interaction, phrases.help(await language_of(studio.people, interaction)), private=True)

    @tree.command(name="privacy", description=label("command_privacy"))
    async def privacy(interaction: discord.Interaction) -> None:
        await say(interaction, phrases.privacy(await language_of(studio.people, interaction)), private=True)


def _faces(label: Label) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=label(f"command_anime_faces_{one}"), value=one.value) for one in Faces]


def _crops(label: Label) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=label(f"command_anime_crop_{one}"), value=one.value) for one in Crop]


def photos_of(message: discord.Message) -> list[Offered]:
    """The attachments that may be photos, also of a forwarded message; as many as one answer can carry."""
    attachments = [*message.attachments, *(found for part in message.message_snapshots for found in part.attachments)]
    return [Offered.attached(each) for each in attachments if _may_be_photo(each)][:MOST_FILES]


def _may_be_photo(attachment: discord.Attachment) -> bool:
    kind = Offered.attached(attachment).kind
    # Discord need not say the kind; then the name tells, and one without an ending is worth a look.
    return kind in READABLE if kind else PurePath(attachment.filename).suffix.lower() in PHOTO_ENDINGS
