"""What Telegram shows of the bot before anybody talks to it: its menus of commands and its descriptions.

Each is read first and set only where it differs: Telegram floods bots that set them at every start.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
)
from telegram.error import TelegramError

from bots.telegram.speech import Speech
from bots.words import DEFAULT

log = structlog.get_logger(__name__)

PRIVATE = ("anime", "reverse", "settings", "language", "help", "privacy", "forgetme")
GROUPS = ("anime", "reverse", "help", "privacy")
GROUP_ADMINS = ("anime", "reverse", "settings", "help", "privacy")
OPERATORS = ("block", "unblock", "stats", "broadcast")  # nobody else is to learn of them


@dataclass(frozen=True, slots=True)
class Menu:
    """The commands in one kind of chat: key of the words for each."""

    scope: BotCommandScope
    commands: Mapping[str, str]


def menus(operators: Sequence[int]) -> list[Menu]:
    """All menus. `operators`: ids of those who see their commands in their own chat, too."""
    private = {name: f"telegram.command_{name}" for name in PRIVATE}
    groups = {name: f"telegram.command_{name}" for name in GROUPS}
    admins = {name: f"telegram.command_{name}" for name in GROUP_ADMINS}
    admins["settings"] = "telegram.profile.command_settings"
    own = private | {name: f"telegram.profile.command_{name}" for name in OPERATORS}
    return [
        Menu(BotCommandScopeAllPrivateChats(), private),
        Menu(BotCommandScopeAllGroupChats(), groups),
        Menu(BotCommandScopeAllChatAdministrators(), admins),
        *(Menu(BotCommandScopeChat(operator), own) for operator in operators),
    ]


class Profile:
    """Brings what Telegram shows up to date, in every language. Without it the bot works just as well."""

    def __init__(self, bot: Bot, speech: Speech, operators: Sequence[int]) -> None:
        self._bot = bot
        self._speech = speech
        self._menus = menus(operators)
        self._operators = frozenset(operators)

    async def greet(self, person: int) -> None:
        """Somebody writes for the first time: an operator's menu can be set only now."""
        if person in self._operators:
            await self.update()

    async def update(self) -> None:
        await asyncio.gather(*(self._update_in(language) for language in self._speech.words.languages))

    async def _update_in(self, language: str) -> None:
        # What is set without a language is for everybody who has none of these (Bot API: setMyCommands).
        code = None if language == DEFAULT else language
        for menu in self._menus:
            try:
                await self._show_menu(menu, language, code)
            except TelegramError as error:
                # An operator who has not written to the bot yet has no chat with it; theirs is set when they do.
                level = logging.INFO if isinstance(menu.scope, BotCommandScopeChat) else logging.WARNING
                log.log(level, "menu not shown", scope=menu.scope.type, language=language, why=str(error))
        try:
            await self._describe(language, code)
        except TelegramError as error:
            log.warning("description not shown", language=language, why=str(error))

    async def _show_menu(self, menu: Menu, language: str, code: str | None) -> None:
        wanted = [BotCommand(name, self._speech.say(language, key)) for name, key in menu.commands.items()]
        if [*await self._bot.get_my_commands(menu.scope, code)] != wanted:
            await self._bot.set_my_commands(wanted, menu.scope, code)

    async def _describe(self, language: str, code: str | None) -> None:
        description = self._speech.say(language, "telegram.profile.description")
        if (await self._bot.get_my_description(code)).description != description:
            await self._bot.set_my_description(description, code)
        short = self._speech.say(language, "telegram.profile.short")
        if (await self._bot.get_my_short_description(code)).short_description != short:
            await self._bot.set_my_short_description(short, code)
