"""Keeps the bot connected for as long as the service runs; the rest of the service never waits for it."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog

from bots.discord.bot import AnimeBot, create_bot
from bots.discord.network import endpoints
from config import Settings

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
"""Seconds between attempts to reach Discord, doubling from the first to the longest."""
AUTHENTICATION_FAILED = 4004
"""Close code of the gateway for a wrong token (Discord: Opcodes and Status Codes)."""
REFUSED = (
    "Discord         off: it refuses DISCORD_TOKEN. "
    "Take it anew from the developer portal (Bot, Reset Token), then start again"
)
CHATTY = ("discord.http", "discord.gateway", "discord.webhook", "discord.client")

Sleep = Callable[[float], Awaitable[None]]
Say = Callable[[str], None]


@contextlib.asynccontextmanager
async def run_discord(
    settings: Settings, studio: "Studio", say: Say = lambda line: None, sleep: Sleep = asyncio.sleep
) -> AsyncIterator[AnimeBot | None]:
    """The Discord door, connected in the background while this lasts. Without a token it is off and None is given.

    Discord being unreachable, a wrong token or any other failure there never ends the service: the first is tried
    again with a growing pause, the second is logged with what to do.

    Args:
        say: shows a line to the operator, once Discord has taken the token or refused it.
    """
    if settings.discord_token is None:
        log.info("discord off", hint="set DISCORD_TOKEN to turn it on")
        yield None
        return
    _quieten()
    with endpoints(settings):
        bot = create_bot(settings, studio)
        task = asyncio.create_task(_stay_connected(bot, settings.discord_token.get_secret_value(), say, sleep))
        try:
            yield bot
        finally:
            await bot.finish()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _stay_connected(bot: AnimeBot, token: str, say: Say, sleep: Sleep) -> None:
    wait = FIRST_WAIT
    told = False
    while True:
        began = time.monotonic()
        try:
            async with bot:
                await bot.login(token)
                if not told:
                    say(f"Discord         on as {bot.user}")
                    told = True
                await bot.connect()
            problem = "connection closed"
        except (discord.LoginFailure, discord.ConnectionClosed) as error:
            if isinstance(error, discord.LoginFailure) or error.code == AUTHENTICATION_FAILED:
                say(REFUSED)
                log.error("discord token wrong", hint="Discord refuses DISCORD_TOKEN; the other doors stay open")
                return
            problem = f"closed with {error.code}"
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            problem = f"{type(error).__name__}: {error}"
        except Exception as error:
            log.exception("discord failed")
            problem = type(error).__name__
        if time.monotonic() - began > LONGEST_WAIT:  # it was connected for a while: this is a new trouble
            wait = FIRST_WAIT
        log.warning("discord unreachable", problem=problem, again_in=wait)
        await sleep(wait * random.uniform(0.5, 1.0))
        wait = min(wait * 2, LONGEST_WAIT)
        # Closing the session closed its connector as well, and discord.py makes a new one only where there is none.
        bot.clear()
        bot.http.connector = discord.utils.MISSING


def _quieten() -> None:
    """The SDK's debug logs hold whole events and addresses, interaction tokens included: they are never written."""
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody speaks here
    for name in CHATTY:
        logger = logging.getLogger(name)
        if logger.getEffectiveLevel() < logging.INFO:
            logger.setLevel(logging.INFO)
