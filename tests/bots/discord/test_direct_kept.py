"""Photos in direct messages that the service was stopped, or crashed, in the middle of."""

import asyncio
import json
from contextlib import asynccontextmanager

import discord
import pytest

from bots.discord.bot import AnimeBot, create_bot
from bots.words import Words
from storage import State, StorageError
from storage.arrivals import Arrival
from tests.bots.discord.place import ANIME, PHOTO, Painter, place_in
from tests.bots.discord.test_direct import answers, send
from tests.bots.studio_parts import Held, settings_in

ONE_MOMENT, STOPPING = (Words.load().say("en", key) for key in ("discord.one_moment", "failed.stopping"))


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path)


@pytest.fixture
def held(monkeypatch):
    """The first photo that is copied from Discord stays on its way."""
    hold, read = Held(), discord.Attachment.read

    async def slow(attachment):
        if not hold.begun.is_set():
            await hold.wait()
        return await read(attachment)

    monkeypatch.setattr(discord.Attachment, "read", slow)
    return hold


@asynccontextmanager
async def on_its_way(place, held):
    """Ann's photo is being copied."""
    sending = asyncio.create_task(send(place.env, place.ann.user, ("me.png", PHOTO)))
    try:
        async with asyncio.timeout(5):
            await held.begun.wait()
        yield
    finally:
        held.go.set()
        await asyncio.gather(sending, return_exceptions=True)


def told(place):
    return [answer.content for answer in answers(place.ann.user)]


async def unanswered(place, monkeypatch):
    """A photo that came, and was written down, just before a crash."""
    with monkeypatch.context() as crashed:

        async def nothing(message):
            pass

        crashed.setattr(place.env.bot, "on_message", nothing)
        sent = await send(place.env, place.ann.user, ("me.png", PHOTO))
    body = json.dumps({"channel": place.ann.user.dm_channel.id})
    await place.database.arrivals.add(Arrival("discord", sent.id, f"discord:{place.ann.id}", body, 0))
    return sent


async def restart(place):
    await place.env.restart_bot(create_bot(place.settings, place.studio))
    await place.env.settle()
    await place.done(set())


async def kept(place):
    return await place.database.arrivals.of("discord")


async def test_who_waits_is_told_that_the_service_stops(settings, held):
    async with place_in(settings, Painter()) as place:
        bot = place.env.bot
        assert isinstance(bot, AnimeBot)
        async with on_its_way(place, held):
            assert told(place) == [ONE_MOMENT]
            await bot._direct.close(0.01)
            assert told(place) == [STOPPING]
        assert not await place.jobs()
        await restart(place)
        assert told(place) == [STOPPING]


async def test_a_photo_on_its_way_may_still_come_in(settings, held):
    async with place_in(settings, Painter()) as place:
        bot = place.env.bot
        assert isinstance(bot, AnimeBot)
        async with on_its_way(place, held):
            finishing = asyncio.create_task(bot.finish())
            await asyncio.sleep(0)
            held.go.set()
            await finishing
            assert [job.person for job in await place.jobs()] == [f"discord:{place.ann.id}"]
        assert not await kept(place)


async def test_what_could_not_be_told_is_answered_after_the_start(settings, held):
    async with place_in(settings, Painter()) as place:
        bot = place.env.bot
        assert isinstance(bot, AnimeBot)
        place.env.inject_error("PATCH", "/channels/*", status=503)
        async with on_its_way(place, held):
            await bot._direct.close(0.01)
            assert told(place) == [ONE_MOMENT]
        await restart(place)
        (answer,) = answers(place.ann.user)
        assert await answer.attachments[0].read() == ANIME
        assert not await kept(place)


@pytest.mark.parametrize("said", [False, True])
async def test_a_photo_of_before_a_crash_is_answered_after_it(settings, monkeypatch, said):
    async with place_in(settings, Painter()) as place:
        sent = await unanswered(place, monkeypatch)
        if said:
            message = await place.env.bot.get_partial_messageable(place.ann.user.dm_channel.id).fetch_message(sent.id)
            await message.reply(ONE_MOMENT)
        await restart(place)
        (answer,) = answers(place.ann.user)
        assert await answer.attachments[0].read() == ANIME
        assert not await kept(place)


async def test_what_is_answered_already_is_left_alone_after_a_crash(settings, monkeypatch):
    async with place_in(settings, Painter()) as place:

        async def broken(platform, number):
            raise StorageError("disk_full", "as the test wants it")

        with monkeypatch.context() as crashed:
            crashed.setattr(place.database.arrivals, "remove", broken)
            await send(place.env, place.ann.user, ("me.png", PHOTO))
            await place.done(set())
        assert len(await kept(place)) == 1
        (before,) = answers(place.ann.user)
        await restart(place)
        assert [answer.id for answer in answers(place.ann.user)] == [before.id]
        assert [job.state for job in await place.jobs()] == [State.DELIVERED]
        assert place.pipeline.painted == [PHOTO]
        assert not await kept(place)


async def test_a_photo_that_was_taken_back_is_not_waited_for(settings, monkeypatch):
    async with place_in(settings, Painter()) as place:
        sent = await unanswered(place, monkeypatch)
        channel = place.env.bot.get_partial_messageable(place.ann.user.dm_channel.id)
        await (await channel.fetch_message(sent.id)).reply(ONE_MOMENT)
        place.env.backend.delete_message(place.ann.user.dm_channel.id, sent.id)
        await restart(place)
        assert not told(place)
        assert not await kept(place)
