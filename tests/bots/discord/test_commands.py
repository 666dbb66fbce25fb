"""The other commands, and what Discord is told about all of them."""

import pytest

from bots.discord.bot import create_bot
from bots.words import Words
from config import Settings
from tests.bots.discord.stand_ins import delivery_of, paint, png_of

TYPED = ("anime", "help", "privacy", "settings", "language", "forgetme")


async def test_help_is_for_the_person_alone(env, ann, channel):
    result = await ann.slash(channel, "help")
    assert result.ephemeral
    assert result.response.content.startswith("Type /anime")
    assert "up to 0.2 MB" in result.response.content


async def test_privacy_says_how_long_things_are_kept(env, ann, channel):
    result = await ann.slash(channel, "privacy")
    assert result.ephemeral
    assert "within 1 h" in result.response.content
    assert "after 7 days" in result.response.content


async def test_anime_this_paints_the_photo_of_a_message(env, ann, channel, studio):
    delivery = delivery_of()
    studio.work = paint(delivery)
    photo = png_of(64)
    message = await ann.send(channel, "look", attachments=[("notes.txt", b"no"), ("me.png", photo)])
    result = await ann.context_menu(channel, "Anime this", message)
    assert studio.photos == [photo]
    assert await result.response.attachments[0].read() == delivery.pictures[0].png


async def test_anime_this_on_a_message_without_a_photo(env, ann, channel, studio):
    message = await ann.send(channel, "just words")
    result = await ann.context_menu(channel, "Anime this", message)
    assert result.ephemeral
    assert result.response.content.startswith("There is no photo in this message")
    assert not studio.requests


@pytest.mark.parametrize(("name", "taken"), [("me.HEIC", True), ("image", True), ("me.gif", False), ("me.pdf", False)])
async def test_anime_this_goes_by_the_name_where_discord_says_no_kind(env, ann, channel, studio, name, taken):
    photo = png_of(64)
    message = await ann.send(channel, "look", attachments=[(name, photo)])
    for attachment in env.backend.messages[channel.id][message.id].attachments:
        del attachment["content_type"]
    await ann.context_menu(channel, "Anime this", message)
    assert studio.photos == [photo] * taken


async def test_commands_work_everywhere_and_for_everybody(env, simcord_bot):
    (sync,) = [request for request in env.http_requests if request.method == "PUT"]
    assert {command["name"] for command in sync.json} == {*TYPED, "Anime this"}
    assert [command["type"] for command in sync.json if command["name"] == "Anime this"] == [3, 2]  # message, user
    for command in sync.json:
        assert command["contexts"] == [0, 1, 2]
        assert command["integration_types"] == [0, 1]


async def test_commands_are_shown_in_the_languages_of_the_catalogues(env):
    (sync,) = [request for request in env.http_requests if request.method == "PUT"]
    commands = {command["name"]: command for command in sync.json}
    words = Words.load()
    locales = {"ru", "zh-CN", "zh-TW", "ja", "es-ES", "es-419", "de", "pt-BR"}

    def says(key):
        return {locale: words.say(locale, f"discord.{key}") for locale in locales}

    assert commands["Anime this"]["name_localizations"] == says("menu_anime")
    for name in TYPED:
        assert commands[name]["description"] == words.say("en", f"discord.command_{name}")
        assert commands[name]["description_localizations"] == says(f"command_{name}")
        assert not commands[name].get("name_localizations"), "what is typed is the same everywhere"
    for option in commands["anime"]["options"]:
        assert option["description_localizations"] == says(f"command_anime_{option['name']}")
        assert not option.get("name_localizations")
        for choice in option.get("choices", ()):
            assert choice["name_localizations"] == says(f"command_anime_{option['name']}_{choice['value']}")


async def test_no_privileged_intent_is_asked_for(simcord_bot):
    on = {name for name, value in simcord_bot.intents if value}
    assert on.isdisjoint({"members", "presences", "message_content"})


async def test_the_factory_starts_nothing(studio):
    bot = create_bot(Settings(_env_file=None), studio)
    assert not bot.is_ready()
    assert not studio.doors


async def test_the_door_opens_at_login(env, studio, simcord_bot):
    assert studio.doors == {"discord": simcord_bot.door}


@pytest.mark.simcord(strict_sync=False)
async def test_commands_go_to_the_named_servers_alone(env, studio, settings):
    guild = env.create_guild()
    bot = create_bot(settings.model_copy(update={"discord_guilds": (guild.id,)}), studio)
    before = len(env.http_requests)
    await env.restart_bot(bot)
    synced = [request for request in env.http_requests[before:] if request.method == "PUT"]
    assert [request.path.partition("/applications/")[2].partition("/")[2] for request in synced] == [
        f"guilds/{guild.id}/commands",
        "commands",
    ]
    assert {command["name"] for command in synced[0].json} == {*TYPED, "Anime this"}
    assert synced[1].json == []  # those of a start before


async def test_what_an_earlier_choice_of_servers_left_goes_when_it_is_used(env, ann, channel, studio, settings):
    chosen = settings.model_copy(update={"discord_guilds": (env.guild.id,)})
    await env.restart_bot(create_bot(chosen, studio))
    await env.restart_bot(create_bot(settings, studio))
    for left in (1, 0):
        before = len(env.http_requests)
        result = await ann.slash(channel, "help")
        assert result.response.content.startswith("Type /anime")
        emptied = [request for request in env.http_requests[before:] if request.method == "PUT"]
        assert [request.json for request in emptied] == [[]] * left


async def test_a_failed_sync_does_not_keep_the_bot_away(env, studio, settings, logs):
    env.inject_error("PUT", "/applications/*/commands", status=503)
    bot = create_bot(settings, studio)
    await env.restart_bot(bot)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["discord sync failed"]
    assert studio.doors == {"discord": bot.door}
