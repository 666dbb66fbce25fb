"""Menus and descriptions: per kind of chat and language, set only where they differ."""

from pathlib import Path

from telegram import (
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
)

from bots.telegram.profile import GROUP_ADMINS, GROUPS, OPERATORS, PRIVATE
from bots.words import Words
from tests.bots.telegram.parts import running
from tests.fakes.telegram import FakeTelegram, User

WORDS = Words.load()
BOSS = User(7_000_001, "Boss")
SCOPES: dict[tuple[str, ...], BotCommandScope] = {
    PRIVATE: BotCommandScopeAllPrivateChats(),
    GROUPS: BotCommandScopeAllGroupChats(),
    GROUP_ADMINS: BotCommandScopeAllChatAdministrators(),
}


def shown(tg: FakeTelegram) -> int:
    """How many menus and descriptions were set."""
    return sum(call.method.startswith("setMy") and call.error == 0 for call in tg.calls)


async def test_every_menu_and_description_in_every_language(tg: FakeTelegram, tmp_path: Path) -> None:
    everything = len(WORDS.languages) * (len(SCOPES) + 2)
    async with running(tg, tmp_path) as service:
        bot = service.runner.bot
        await tg.wait_until(lambda: shown(tg) == everything)
        for language in WORDS.languages:
            code = None if language == "en" else language
            for names, scope in SCOPES.items():
                menu = await bot.get_my_commands(scope, code)
                assert [command.command for command in menu] == [*names]
                assert len({command.description for command in menu}) == len(names)
            assert (await bot.get_my_short_description(code)).short_description == WORDS.say(
                language, "telegram.profile.short"
            )
            described = (await bot.get_my_description(code)).description
            assert described.startswith(WORDS.say(language, "telegram.profile.description", result_days=7)[:40])
            assert "{" not in described
    async with running(tg, tmp_path) as service:
        await tg.wait_call("getMyShortDescription", 3 * len(WORDS.languages))
        assert shown(tg) == everything, "nothing differs, so nothing is set"


async def test_operators_see_their_commands_once_they_have_written(tg: FakeTelegram, tmp_path: Path) -> None:
    tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path, admins=f"telegram:{BOSS.id}") as service:
        await tg.wait_until(lambda: shown(tg) == len(WORDS.languages) * (len(SCOPES) + 2))
        await tg.private_chat(BOSS).send_text("/start")
        bot = service.runner.bot
        await tg.wait_until(lambda: shown(tg) == len(WORDS.languages) * (len(SCOPES) + 3))
        menu = await bot.get_my_commands(BotCommandScopeChat(BOSS.id), "de")
        assert [command.command for command in menu] == [*PRIVATE, *OPERATORS]
        for scope in SCOPES.values():
            assert not {command.command for command in await bot.get_my_commands(scope)} & set(OPERATORS)


async def test_a_menu_that_telegram_refuses_keeps_nobody_waiting(tg: FakeTelegram, tmp_path: Path) -> None:
    tg.fail("setMyCommands", 400, "Bad Request: BOT_COMMANDS_TOO_MUCH", times=3)
    tg.flood("setMyDescription", 3_600)
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_text("/help")
        await chat.wait_answers(1)
        # The description that is flooded takes its language's short one with it; the other languages go on.
        await tg.wait_until(lambda: shown(tg) >= len(WORDS.languages) * len(SCOPES) - 3)
