"""What the people named in ADMINS can do: /block, /unblock and /stats. Seen by them alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import discord
import structlog

from bots.discord.intake import in_time, language_of, say
from bots.discord.phrases import Phrases

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

PREFIX = "discord:"


class Operators:
    """The operator's commands.

    Args:
        admins: ADMINS, `platform:id` each.

    Attributes:
        ids: of those on Discord.
    """

    def __init__(self, studio: "Studio", phrases: Phrases, admins: Sequence[str]) -> None:
        self._studio = studio
        self._phrases = phrases
        self.ids = frozenset(admin.removeprefix(PREFIX) for admin in admins if admin.startswith(PREFIX))

    async def block(
        self, interaction: discord.Interaction, user: discord.User | discord.Member, *, blocked: bool
    ) -> None:
        """Refuse that person from now on, or no longer."""
        if not await self._may(interaction):
            return
        person, language = f"{PREFIX}{user.id}", await language_of(self._studio.people, interaction)
        await in_time(interaction, self._studio.people.block(person, blocked))
        log.info(
            "person blocked" if blocked else "person unblocked", person=person, by=f"{PREFIX}{interaction.user.id}"
        )
        key = "operator.blocked_now" if blocked else "operator.unblocked_now"
        await say(interaction, self._phrases.say(language, key, person=person), private=True)

    async def stats(self, interaction: discord.Interaction) -> None:
        """Tell the service in numbers."""
        if await self._may(interaction):
            language = await language_of(self._studio.people, interaction)
            stats = await in_time(interaction, self._studio.stats())
            await say(interaction, self._phrases.stats(language, stats), private=True)

    async def _may(self, interaction: discord.Interaction) -> bool:
        if str(interaction.user.id) in self.ids:
            return True
        language = await language_of(self._studio.people, interaction)
        await say(interaction, self._phrases.say(language, "operator.not_yours"), private=True)
        return False
