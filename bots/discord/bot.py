"""The client: what it listens to, its commands, its door."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog
import yarl

from bots.discord.buttons import Press
from bots.discord.commands import AnimeTree
from bots.discord.door import DiscordDoor
from bots.discord.intake import Intake
from bots.discord.labels import Labels
from bots.discord.network import guard
from bots.discord.operators import Operators
from bots.discord.personal import Personal
from bots.discord.phrases import Phrases
from bots.discord.presses import Presses
from bots.words import Words
from config import Settings

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)


class AnimeBot(discord.Client):
    """A Discord client that serves the studio. Its `door` is what the studio answers through.

    Args:
        clock: unix seconds; interaction tokens are timed by it.
    """

    def __init__(
        self, settings: Settings, studio: "Studio", words: Words, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(
            # Commands arrive without any intent; guilds alone keeps the channel cache right. None is privileged.
            intents=discord.Intents(guilds=True),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            http_trace=guard(settings),
        )
        phrases = Phrases(words, settings)
        self._studio = studio
        self.door = DiscordDoor(self, phrases, studio.allowances, clock)
        self.presses = Presses(studio, phrases, clock)
        intake, personal = Intake(settings, studio, phrases, clock), Personal(studio, phrases)
        self.operators = Operators(studio, phrases, settings.admins)
        self.tree = AnimeTree(self, intake, personal, self.operators, studio, phrases, words)
        self._labels = Labels(words)
        self._guilds_to_sync = settings.discord_guilds
        self._gateway = yarl.URL(settings.discord_gateway_url) if settings.discord_gateway_url else None
        self._synced = False

    async def setup_hook(self) -> None:
        """Logged in: the door opens at the studio, whether or not the commands can be synced.

        Not before: what is finished until then waits at the studio instead of failing at a door that cannot answer.
        """
        self.add_dynamic_items(Press)
        self.door.connect()
        self._studio.open_door(self.door)
        if not self._synced:
            await self.tree.set_translator(self._labels)
            await self._sync()

    async def on_ready(self) -> None:
        log.info("discord ready", user=str(self.user), guilds=len(self.guilds))
        if self._gateway is not None:
            # Discord's READY names its own host for resuming; a gateway that the operator put in place stays in place.
            self.ws.gateway = self._gateway

    async def close(self) -> None:
        await self.door.close()
        await super().close()

    async def _sync(self) -> None:
        """Tell Discord the commands: to the servers named in DISCORD_GUILDS (at once), else globally.

        One request that overwrites the whole set; an unchanged set does not count against the daily limit of
        creations (Discord: Application Commands, Bulk Overwrite). Done once per start.
        """
        targets: list[discord.Object | None] = [discord.Object(guild) for guild in self._guilds_to_sync]
        self._synced = True
        for target in targets or [None]:
            try:
                if target is not None:
                    self.tree.copy_global_to(guild=target)
                await self.tree.sync(guild=target)
            except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
                self._synced = False
                log.error("discord sync failed", guild=target and target.id, error=str(error))


def create_bot(settings: Settings, studio: "Studio") -> AnimeBot:
    """The bot, not started: `run_discord` does that. Its door opens at the studio once it has logged in."""
    return AnimeBot(settings, studio, Words.load())
