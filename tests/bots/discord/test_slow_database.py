"""Discord gives 3 seconds to acknowledge; a database that is busy may take longer to say what is asked for."""

import asyncio

import pytest

from bots.discord.bot import AnimeBot
from bots.discord.reply import ReplyTo
from bots.words import Words
from storage import State
from tests.bots.discord.place import ANIME, Painter, opened, place_in
from tests.bots.discord.stand_ins import png_of
from tests.bots.studio_parts import Held, ended, settings_in

WORDS = Words.load()


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path, limits_minute=20)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr("bots.discord.intake.PATIENCE", 0.01)


def slow(place, monkeypatch, owner, name):
    """From now on it answers only when the next interaction is acknowledged."""
    call, before = getattr(owner, name), acknowledged(place)

    async def late(*arguments):
        async with asyncio.timeout(2):
            while acknowledged(place) == before:  # noqa: ASYNC110 - the stand-in tells nobody
                await asyncio.sleep(0.01)
        return await call(*arguments)

    monkeypatch.setattr(owner, name, late)


def acknowledged(place):
    return sum(request.path.endswith("/callback") for request in place.env.http_requests)


@pytest.mark.parametrize("private", [False, True])
async def test_another_picture(settings, monkeypatch, private):
    async with place_in(settings, Painter()) as place:
        first = await place.ask(private=private)
        before = {job.id for job in await place.jobs()}
        slow(place, monkeypatch, place.studio.people, "get")
        pressed = await place.ann.click(first.response, label="Wider")
        await place.done(before)
        (answer,) = pressed.followups
        assert (answer.content, answer.ephemeral) == ("Here you are.", private)
        assert await answer.attachments[0].read() == ANIME
        assert len(first.response.attachments) == 1


async def test_another_form(settings, monkeypatch):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        slow(place, monkeypatch, place.studio, "job")
        pressed = await place.ann.click(first.response, label="Side by side")
        (copy,) = pressed.followups
        assert copy.content == ""
        assert opened(await copy.attachments[0].read()).size == (512, 256)
        assert opened(await first.response.attachments[0].read()).size == (256, 256)
        (job,) = await place.jobs()
        assert [one.message_id for one in ReplyTo.from_json(job.reply).copies] == [copy.id]


async def test_what_goes_wrong_takes_the_place_of_the_wait(settings, monkeypatch):
    async with place_in(settings.model_copy(update={"limits_minute": 1}), Painter()) as place:
        first = await place.ask()
        slow(place, monkeypatch, place.studio, "job")
        pressed = await place.ann.click(first.response, label="Wider")
        assert [told.content[:26] for told in pressed.followups] == ["That was a lot of photos. "]


async def test_delete(settings, monkeypatch):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        slow(place, monkeypatch, place.studio, "job")
        pressed = await place.ann.click(first.response, label="Delete")
        assert first.response is None
        assert [told.content for told in pressed.followups] == ["Deleted."]


async def test_a_press_of_somebody_else(settings, monkeypatch):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        ben = place.env.guild.add_member(place.env.create_user("ben"))
        slow(place, monkeypatch, place.studio, "job")
        pressed = await ben.click(first.response, label="Wider")
        (told,) = pressed.followups
        assert (told.content, told.ephemeral) == (WORDS.say("en", "discord.not_yours"), True)


async def test_cancel(settings, monkeypatch):
    pipeline, held = Painter(), Held()
    pipeline.act = lambda photo: held.wait()
    async with place_in(settings, pipeline) as place:
        asked = await place.ann.slash(place.channel, "anime", photo=("me.png", png_of(16)))
        (job,) = await place.jobs()
        bot = place.env.bot
        assert isinstance(bot, AnimeBot)
        await bot.door._show(ReplyTo.from_json(job.reply), "Painting", bot.door._buttons.cancel(job))
        slow(place, monkeypatch, place.studio, "cancel")
        pressed = await place.ann.click(asked.response, label="Cancel")
        assert pressed.acknowledged
        assert (await ended(place.database, job.id)).state is State.CANCELLED
        assert (asked.response.content, asked.response.components) == ("Cancelled.", [])


async def test_commands_that_only_tell(settings, monkeypatch):
    async with place_in(settings, Painter()) as place:
        for command in ("help", "privacy", "forgetme", "anime"):
            slow(place, monkeypatch, place.studio.people, "get")
            told = await place.ann.slash(place.channel, command)
            assert told.response.content, command
            assert told.response.ephemeral, command


@pytest.mark.parametrize("label", ["Yes, delete everything", "No, keep it"])
async def test_to_be_forgotten(settings, monkeypatch, label):
    async with place_in(settings, Painter()) as place:
        question = await place.ann.slash(place.channel, "forgetme")
        slow(place, monkeypatch, place.studio.people, "get")
        await place.ann.click(question.response, label=label)
        assert not question.response.components
        assert question.response.content.split(".")[0] in ("Done", "All right, everything stays")
