"""The buttons under the bot's messages."""

import asyncio
import re
from dataclasses import replace

import discord
import pytest
import simcord

from bots.discord.bot import AnimeBot, create_bot
from bots.discord.buttons import CUSTOM_ID, Action, Press
from bots.discord.reply import ReplyTo
from inference import Crop, Options
from inference.errors import NoFace
from storage import State
from tests.bots.discord.place import ANIME, PHOTO, Painter, labels, opened, place_in, tokens_die
from tests.bots.discord.stand_ins import delivery_of
from tests.bots.studio_parts import ended, reached, settings_in, studio_in


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path, limits_minute=20)


async def test_a_result_offers_what_else_can_be_had(settings):
    async with place_in(settings, Painter(found=3)) as place:
        one = await place.ask(faces="largest")
        assert labels(one.response) == [
            "Wider",
            "Closer",
            "Next face",
            "All 3 faces",
            "Side by side",
            "Emoji",
            "Delete",
        ]
        widest = await place.ask(crop="wide")
        assert labels(widest.response) == ["Closer", "Next face", "Side by side", "Emoji", "Delete"]
        whole = await place.ask(whole=True)
        assert labels(whole.response) == ["Side by side", "Emoji", "Delete"]


async def test_wider_paints_the_same_photo_once_more(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        again = await place.click(first.response, "Wider")
        assert again.response.content == "Here you are."
        assert await again.response.attachments[0].read() == ANIME
        assert labels(again.response) == ["Closer", "Side by side", "Emoji", "Delete"]
        assert place.pipeline.options == [Options(), Options(crop=Crop.WIDE)]
        assert place.pipeline.painted == [PHOTO] * 2
        assert len(first.response.attachments) == 1


async def test_the_next_face_and_all_of_them(settings):
    async with place_in(settings, Painter(found=2)) as place:
        first = await place.ask(faces="largest")
        second = await place.click(first.response, "Next face")
        assert place.pipeline.options[-1].face == 1
        everybody = await place.click(second.response, "All 2 faces")
        assert len(everybody.response.attachments) == 2


async def test_a_private_result_stays_private_however_it_is_pressed(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask(private=True)
        for label in ("Wider", "Side by side"):
            assert (await place.click(first.response, label)).response.ephemeral


async def test_a_spoiler_stays_one_however_it_is_pressed(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask(spoiler=True)
        for label in ("Wider", "Side by side", "Emoji"):
            pressed = await place.click(first.response, label)
            assert [file.is_spoiler() for file in pressed.response.attachments] == [True], label


async def test_side_by_side_and_emoji(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        both = await place.click(first.response, "Side by side")
        assert opened(await both.response.attachments[0].read()).size == (512, 256)
        emoji = await place.click(first.response, "Emoji")
        data = await emoji.response.attachments[0].read()
        assert opened(data).size == (128, 128)
        assert len(data) <= 256 * 1024
        assert place.pipeline.painted == [PHOTO]


async def test_delete_wipes_the_pictures_and_the_message(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        (job,) = await place.jobs()
        gone = await place.click(first.response, "Delete")
        assert first.response is None
        assert [told.content for told in gone.followups] == ["Deleted."]
        assert gone.followups[0].ephemeral
        assert await place.studio.pictures(await place.studio.job(job.id)) == ()


async def test_delete_works_without_the_job(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        await place.studio.forget(f"discord:{place.ann.id}")
        ben = place.env.guild.add_member(place.env.create_user("ben"))
        refused = await ben.click(first.response, label="Delete")
        assert refused.response.content == "Only the person who asked for this picture can do that."
        gone = await place.ann.click(first.response, label="Delete")
        assert first.response is None
        assert [told.content for told in gone.followups] == ["Deleted."]


@pytest.mark.parametrize("forgotten", [False, True])
async def test_delete_of_an_earlier_version_names_nobody(settings, forgotten):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        (job,) = await place.jobs()
        bot = place.env.bot
        assert isinstance(bot, AnimeBot)
        view = discord.ui.View(timeout=None).add_item(Press(Action.DELETE, job.id, "Delete"))
        await bot.door._show(ReplyTo.from_json(job.reply), "Here you are.", view)
        if forgotten:
            await place.studio.forget(job.person)
        ben = place.env.guild.add_member(place.env.create_user("ben"))
        refused = await ben.click(first.response, label="Delete")
        assert refused.response.content == "Only the person who asked for this picture can do that."
        await place.ann.click(first.response, label="Delete")
        assert first.response is None


async def test_deleting_what_somebody_else_just_deleted(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        place.env.inject_error("DELETE", "/webhooks/*", status=404, code=10008)
        gone = await place.ann.click(first.response, label="Delete")
        assert [told.content for told in gone.followups] == ["Deleted."]


async def test_custom_ids_are_within_the_limit_of_discord(settings):
    async with place_in(settings, Painter()) as place:
        await place.ask()
        (job,) = await place.jobs()
        bot = place.env.bot
        assert isinstance(bot, AnimeBot)
        longest = replace(job, person=f"discord:{2**64 - 1}")
        buttons = bot.door._buttons
        for button in [*buttons.result(longest, delivery_of(), beside=False).children, *buttons.away(longest).children]:
            assert isinstance(button, Press)
            assert len(button.custom_id) <= 100
            assert re.fullmatch(CUSTOM_ID, button.custom_id)


async def test_what_is_deleted_cannot_be_had_again(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        (job,) = await place.jobs()
        await place.studio.discard(job.id, job.person)
        assert (await place.click(first.response, "Wider")).response.content.startswith("Your photo is deleted already")
        emoji = await place.click(first.response, "Emoji")
        assert emoji.response.content == "This picture is no longer here. Results are kept for 7 days."
        assert emoji.ephemeral


async def test_nobody_else_may_press(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        ben = place.env.guild.add_member(place.env.create_user("ben"))
        for label in ("Wider", "Delete", "Emoji"):
            refused = await ben.click(first.response, label=label)
            assert refused.response.content == "Only the person who asked for this picture can do that."
            assert refused.ephemeral
        assert len(first.response.attachments) == 1
        assert place.pipeline.painted == [PHOTO]


async def test_buttons_work_after_a_restart(settings):
    async with studio_in(settings, Painter(), None) as (studio, database, _):
        env = simcord.Env(create_bot(settings, studio))
        await env.start()
        channel = env.create_guild().create_text_channel("general")
        ann = env.guild.add_member(env.create_user("ann"))
        first = await ann.slash(channel, "anime", photo=("me.png", PHOTO))
        (job,) = await database.jobs.of(f"discord:{ann.id}")
        await ended(database, job.id)
    try:
        async with studio_in(settings, Painter(), None) as (studio, database, _):
            await env.restart_bot(create_bot(settings, studio))
            again = await ann.click(first.response, label="Wider")
            (new,) = [each for each in await database.jobs.of(job.person) if each.id != job.id]
            assert (await ended(database, new.id)).state is State.DELIVERED
            assert again.response.content == "Here you are."
    finally:
        await env.shutdown()


async def test_what_waits_can_be_cancelled(settings):
    pipeline, never = Painter(), asyncio.Event()
    pipeline.act = lambda photo: never.wait()
    async with place_in(settings, pipeline) as place:
        result = await place.ann.slash(place.channel, "anime", photo=("me.png", PHOTO))
        (job,) = await place.jobs()
        await reached(place.database, job.id, frozenset({State.RUNNING}))
        async with asyncio.timeout(5):
            while not result.response.components:  # noqa: ASYNC110 - the status comes with the clerk's next look
                await asyncio.sleep(0.01)
        ben = place.env.guild.add_member(place.env.create_user("ben"))
        assert "Only the person" in (await ben.click(result.response, label="Cancel")).response.content
        await place.ann.click(result.response, label="Cancel")
        assert (await ended(place.database, job.id)).state is State.CANCELLED
        async with asyncio.timeout(5):
            while result.response.content != "Cancelled.":  # noqa: ASYNC110 - the door edits in its own time
                await asyncio.sleep(0.01)
        assert result.response.components == []


@pytest.mark.parametrize("member", [True, False])
async def test_cancelling_an_old_status_sends_nothing_new(settings, member):
    pipeline, never = Painter(), asyncio.Event()
    pipeline.act = lambda photo: never.wait()
    async with place_in(settings, pipeline) as place:
        result = await place.ann.slash(place.channel, "anime", photo=("me.png", PHOTO))
        (job,) = await place.jobs()
        bot = place.env.bot
        assert isinstance(bot, AnimeBot)
        async with asyncio.timeout(5):
            while not result.response.components:  # noqa: ASYNC110 - the status comes with the clerk's next look
                await asyncio.sleep(0.01)
        tokens_die(place)
        if not member:
            place.env.inject_error("PATCH", "/channels/*", status=403, code=50001, times=None)
            place.env.inject_error("POST", "/channels/*", status=403, code=50001, times=None)
        pressed = await place.ann.click(result.response, label="Cancel")
        assert (await ended(place.database, job.id)).state is State.CANCELLED
        await place.studio.drain()
        assert (result.response.content, result.response.components) == ("Cancelled.", [])
        assert not pressed.followups
        assert len(place.channel.history()) == 1
        assert not place.ann.user.dm_channel.history()


async def test_cancelling_what_is_done_is_too_late(settings):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()
        (job,) = await place.jobs()
        bot = place.env.bot
        assert isinstance(bot, AnimeBot)
        await bot.door._show(ReplyTo.from_json(job.reply), "Painting", bot.door._buttons.cancel(job))
        late = await place.click(first.response, "Cancel")
        assert (late.response.content, late.ephemeral) == ("Too late, it is done already.", True)


async def test_without_a_face_the_whole_picture_can_be_painted(settings):
    pipeline = Painter()

    async def no_face(photo):
        if not pipeline.options[-1].whole:
            raise NoFace("none")

    pipeline.act = no_face
    async with place_in(settings, pipeline) as place:
        first = await place.ask()
        assert first.response.content.startswith("I can't find a face in this photo.")
        assert labels(first.response) == ["Paint the whole picture"]
        whole = await place.click(first.response, "Paint the whole picture")
        assert await whole.response.attachments[0].read() == ANIME


async def test_a_limit_that_a_press_meets_is_told(settings):
    async with place_in(settings.model_copy(update={"limits_minute": 1}), Painter()) as place:
        first = await place.ask()
        again = await place.click(first.response, "Wider")
        assert again.response.content.startswith("That was a lot of photos.")


async def test_a_press_that_fails_unexpectedly_shows_a_reference_and_nothing_else(settings, logs, monkeypatch):
    async with place_in(settings, Painter()) as place:
        first = await place.ask()

        async def broken(job_id):
            raise RuntimeError("/srv/secret/path exploded")

        monkeypatch.setattr(place.studio, "job", broken)
        told = await place.click(first.response, "Wider")
        (entry,) = [entry for entry in logs if entry["event"] == "discord press failed"]
        assert told.response.content == f"Something went wrong. Please try again. (Reference {entry['reference']})"
        assert told.ephemeral
