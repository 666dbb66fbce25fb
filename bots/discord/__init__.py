"""The Discord front door: `/anime`, context menus, photos in direct messages, and answers edited in place."""

from bots.discord.bot import AnimeBot, create_bot
from bots.discord.runner import run_discord

__all__ = ["AnimeBot", "create_bot", "run_discord"]
