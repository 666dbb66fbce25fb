"""What people decide for themselves, and what operators decide."""

import pytest

from bots.discord.bot import AnimeBot
from bots.preferences import Preferences
from bots.words import Words
from inference import Crop, Faces, Options
from tests.bots.discord.place import PHOTO, Painter, labels, opened, place_in
from tests.bots.studio_parts import settings_in

WORDS = Words.load()


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path, limits_minute=20)


async def test_settings_hold_for_every_photo(settings):
    async with place_in(settings, Painter()) as place:
        told = await place.ann.slash(place.channel, "settings", faces="largest", crop="wide", beside=True)
        assert told.response.content == "This is how I paint your photos: Largest only · wider · Side by side"
        assert told.ephemeral
        first = await place.ask()
        assert place.pipeline.options == [Options(Faces.LARGEST, Crop.WIDE)]
        assert opened(await first.response.attachments[0].read()).size == (512, 256)
        assert "Side by side" not in labels(first.response)
        await place.ask(crop="tight")
        assert place.pipeline.options[-1] == Options(Faces.LARGEST, Crop.TIGHT)
        told = await place.ann.slash(place.channel, "settings", beside=False)
        assert told.response.content.endswith("Largest only · wider · Picture alone")
        known = await place.studio.people.get(f"discord:{place.ann.id}")
        assert Preferences.from_json(known.settings) == Preferences(Faces.LARGEST, Crop.WIDE)


@pytest.mark.parametrize(("command", "chosen"), [("settings", {"beside": True}), ("language", {"language": "de"})])
async def test_a_choice_is_acknowledged_before_it_is_written_down(settings, command, chosen):
    async with place_in(settings, Painter()) as place:
        told = await place.ann.slash(place.channel, command, **chosen)
        (callback,) = [request for request in place.env.http_requests if request.path.endswith("/callback")]
        assert callback.json["type"] == 5, "thinking"
        assert told.ephemeral


async def test_a_chosen_language_is_spoken(settings):
    async with place_in(settings, Painter()) as place:
        told = await place.ann.slash(place.channel, "language", language="de")
        assert told.response.content == "Gut, ab jetzt auf Deutsch."
        first = await place.ask()
        assert first.response.content == "Bitte schön."
        assert "Löschen" in labels(first.response)
        told = await place.ann.slash(place.channel, "language", language="auto")
        assert told.response.content == "All right, English it is."


@pytest.mark.parametrize(("answer", "left"), [("Yes, delete everything", 0), ("No, keep it", 1)])
async def test_forgetme_asks_and_says_what_it_wiped(settings, answer, left):
    async with place_in(settings, Painter()) as place:
        await place.ask()
        asked = await place.ann.slash(place.channel, "forgetme")
        assert asked.ephemeral
        told = await place.click(asked.response, answer)
        assert len(await place.jobs()) == left
        expected = "Done. Deleted: 1 photo, 2 picture files." if left == 0 else "All right, everything stays."
        assert asked.response.content.startswith(expected)
        assert asked.response.components == []
        assert told.acknowledged


async def test_forgetme_names_the_button_that_takes_a_picture_away(settings):
    async with place_in(settings, Painter()) as place:
        await place.ask()
        asked = await place.ann.slash(place.channel, "forgetme")
        await place.click(asked.response, "Yes, delete everything")
        assert asked.response.content.endswith("the Delete button under each takes it away.")
    for language in WORDS.languages:
        told = WORDS.say(language, "discord.forgotten", photos=1, pictures=2)
        assert WORDS.say(language, "button.delete") in told


async def test_operators_block_unblock_and_read_the_numbers(settings):
    async with place_in(settings.model_copy(update={"admins": ("discord:1",)}), Painter()) as place:
        bot = place.env.bot
        assert isinstance(bot, AnimeBot)
        bot.operators.ids |= {str(place.ann.id)}  # whose id nobody knows before
        ben = place.env.guild.add_member(place.env.create_user("ben"))
        told = await place.ann.user.slash("block", user=ben.user)
        assert (told.response.content, told.ephemeral) == (f"discord:{ben.id} is blocked.", True)
        refused = await ben.slash(place.channel, "anime", photo=("me.png", PHOTO))
        assert refused.response.content == WORDS.failure("en", "blocked")
        await place.ann.user.slash("unblock", user=ben.user)
        assert not (await place.studio.people.get(f"discord:{ben.id}")).blocked
        stats = await place.ann.user.slash("stats")
        assert stats.response.content.startswith("Ready to paint.\nWaiting: 0")


async def test_nobody_else_is_an_operator(settings):
    async with place_in(settings.model_copy(update={"admins": ("discord:1",)}), Painter()) as place:
        for told in (
            await place.ann.user.slash("stats"),
            await place.ann.user.slash("block", user=place.ann.user),
        ):
            assert (told.response.content, told.ephemeral) == ("Only whoever runs this bot can do that.", True)
        assert not (await place.studio.people.get(f"discord:{place.ann.id}")).blocked


async def test_without_operators_their_commands_are_not_there(settings):
    async with place_in(settings, Painter()) as place:
        assert {command.name for command in place.env.bot.tree.get_commands()}.isdisjoint({"block", "stats"})
