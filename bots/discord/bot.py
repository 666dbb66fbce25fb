"""The client: what it listens to, its commands, its door."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog
import yarl
from discord.gateway import DiscordWebSocket

from bots.discord.buttons import Press
from bots.discord.commands import AnimeTree
from bots.discord.direct import DirectMessages
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
            # Commands arrive without any intent; guilds keeps the channel cache right, and photos come as direct
            # messages, too. None is privileged.
            intents=discord.Intents(guilds=True, dm_messages=True),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            http_trace=guard(settings),
        )
        phrases = Phrases(words, settings)
        self._studio = studio
        self.door = DiscordDoor(self, phrases, studio.allowances, clock)
        self.presses = Presses(studio, phrases, self.door, clock)
        intake, personal = Intake(settings, studio, phrases, clock), Personal(studio, phrases)
        self._direct = DirectMessages(studio, intake, phrases, clock)
        self.operators = Operators(studio, phrases, settings.admins)
        self.tree = AnimeTree(self, intake, personal, self.operators, studio, phrases, words)
        self._labels = Labels(words)
        self._guilds_to_sync = settings.discord_guilds
        self._gateway = yarl.URL(settings.discord_gateway_url) if settings.discord_gateway_url else None
        self._synced = False
        self._welcome = False  # `is_ready` stays true while the gateway is gone

    @property
    def online(self) -> bool:
        """The gateway has taken the token, and the connection stands."""
        socket: DiscordWebSocket | None = self.ws  # None before the first
        return self._welcome and not self.is_closed() and socket is not None and socket.open

    async def setup_hook(self) -> None:
        """Logged in: the door opens at the studio, whether or not the commands can be synced.

        Not before: what is finished until then waits at the studio instead of failing at a door that cannot answer.
        """
        self.add_dynamic_items(Press)
        self.door.connect()
        self._studio.open_door(self.door)
        await self._direct.resume(self)
        if not self._synced:
            await self.tree.set_translator(self._labels)
            await self._sync()

    async def on_message(self, message: discord.Message) -> None:
        await self._direct.received(message)

    async def on_ready(self) -> None:
        self._welcome = True
        log.info("discord ready", user=str(self.user), guilds=len(self.guilds))
        if self._gateway is not None:
            # Discord's READY names its own host for resuming; a gateway that the operator put in place stays in place.
            self.ws.gateway = self._gateway

    async def on_resumed(self) -> None:
        self._welcome = True

    async def on_disconnect(self) -> None:
        self._welcome = False

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """What an earlier DISCORD_GUILDS left on a server, beside what is there now, goes when it is first used.

        Asking every server at every start would be a request for each of thousands.
        """
        if interaction.type is not discord.InteractionType.application_command:
            return
        command: Mapping[str, object] = interaction.data or {}
        server = int(str(command.get("guild_id") or 0))  # that the command is registered for; 0: it is a global one
        if server and server not in self._guilds_to_sync:
            await self._overwrite(discord.Object(server))

    async def finish(self) -> None:
        """The service stops: what people sent is taken in or answered while there is still a connection."""
        await self._direct.close()

    async def close(self) -> None:
        self._welcome = False
        await self.door.close()
        await super().close()

    async def _sync(self) -> None:
        """Tell Discord the commands: to the servers named in DISCORD_GUILDS alone (at once), else globally.

        One request that overwrites the whole set; an unchanged set does not count against the daily limit of
        creations (Discord: Application Commands, Bulk Overwrite). Done once per start.
        """
        servers = [discord.Object(guild) for guild in self._guilds_to_sync]
        self._synced = True
        for server in servers:
            self.tree.copy_global_to(guild=server)
        for target in [*servers, None]:
            if not await self._overwrite(target):
                self._synced = False

    async def _overwrite(self, server: discord.Object | None) -> bool:
        """Make the commands of a server, or the global ones, what they are to be. False: Discord did not take them."""
        try:
            if server is None and self._guilds_to_sync and self.application_id is not None:
                # A server shows its own commands and the global ones: an earlier start's would be there twice.
                await self.http.bulk_upsert_global_commands(self.application_id, [])
            else:
                await self.tree.sync(guild=server)
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            log.error("discord sync failed", guild=server and server.id, error=str(error))
            return False
        return True


def create_bot(settings: Settings, studio: "Studio") -> AnimeBot:
    """The bot, not started: `run_discord` does that. Its door opens at the studio once it has logged in."""
    return AnimeBot(settings, studio, Words.load())
