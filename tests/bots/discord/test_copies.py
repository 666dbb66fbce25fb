"""The same pictures in another form, under a picture's buttons, and how they are taken away."""

import pytest

from bots.discord.bot import AnimeBot, create_bot
from bots.discord.reply import ReplyTo
from bots.words import Words
from tests.bots.discord.place import Painter, labels, place_in, tokens_die
from tests.bots.studio_parts import settings_in

WORDS = Words.load()


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path, limits_minute=20)


@pytest.mark.parametrize("label", ["Side by side", "Emoji"])
async def test_delete_under_another_form_takes_that_one_alone(settings, label):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        copy = await place.click(first.response, label)
        assert labels(copy.response) == ["Delete"]
        ben = place.env.guild.add_member(place.env.create_user("ben"))
        refused = await ben.click(copy.response, label="Delete")
        assert refused.response.content == "Only the person who asked for this picture can do that."
        await place.env.restart_bot(create_bot(settings, place.studio))
        gone = await place.click(copy.response, "Delete")
        assert copy.response is None
        assert [told.content for told in gone.followups] == ["Deleted."]
        assert len(first.response.attachments) == 1
        assert (await place.click(first.response, "Wider")).response.content == "Here you are."


@pytest.mark.parametrize("private", [False, True])
async def test_delete_takes_the_other_forms_along(settings, private):
    async with place_in(settings, Painter()) as place:
        first = await place.ask(private=private)
        copies = [await place.click(first.response, label) for label in ("Side by side", "Emoji")]
        await place.env.restart_bot(create_bot(settings, place.studio))
        gone = await place.click(first.response, "Delete")
        assert [copy.response for copy in copies] == [None, None]
        assert [told.content for told in gone.followups] == ["Deleted."]


async def test_delete_takes_the_other_forms_along_however_late(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        copy = await place.click(first.response, "Side by side")
        tokens_die(place)
        gone = await place.click(first.response, "Delete")
        assert copy.response is None
        assert [told.content for told in gone.followups] == ["Deleted."]


async def test_other_forms_that_discord_keeps_are_named(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        copy = await place.click(first.response, "Side by side")
        tokens_die(place)
        place.env.inject_error("DELETE", "/channels/*", status=403, code=50001, times=None)
        gone = await place.click(first.response, "Delete")
        assert [told.content for told in gone.followups] == [WORDS.say("en", "discord.copies_stay")]
        await place.click(copy.response, "Delete")
        assert copy.response is None


async def test_another_form_that_was_taken_away_is_not_looked_for(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        copies = [await place.click(first.response, label) for label in ("Side by side", "Emoji")]
        left = copies[0].response.id
        await place.click(copies[1].response, "Delete")
        (job,) = await place.jobs()
        assert [copy.message_id for copy in ReplyTo.from_json(job.reply).copies] == [left]


@pytest.mark.parametrize(("call", "first"), [("remember", "delete"), ("pictures", "call")])
async def test_another_form_that_comes_while_the_answer_is_deleted_does_not_stay(settings, monkeypatch, call, first):
    async with place_in(settings, Painter()) as place:
        answer = await place.ask()
        (job,) = await place.jobs()
        do, bot = getattr(place.studio, call), place.env.bot
        assert isinstance(bot, AnimeBot)

        async def delete():  # as the press does, which the stand-in would not begin before the other is over
            await place.studio.discard(job.id, job.person)
            await bot.presses._take_copies_away(job.id)

        async def do_meanwhile(*arguments):
            if first == "delete":
                await delete()
                return await do(*arguments)
            done = await do(*arguments)
            await delete()
            return done

        monkeypatch.setattr(place.studio, call, do_meanwhile)
        copy = await place.ann.click(answer.response, label="Side by side")
        assert copy.response is None or not copy.response.attachments


async def test_another_form_can_be_taken_away_when_nothing_is_remembered(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        copy = await place.click(first.response, "Emoji")
        await place.studio.forget(f"discord:{place.ann.id}")
        await place.ann.click(copy.response, label="Delete")
        assert copy.response is None
