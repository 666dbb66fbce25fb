"""The door at the real studio, with real files and a real database behind it."""

import asyncio

import pytest
import simcord

from bots.discord import create_bot
from inference.errors import NoFace
from storage import State
from tests.bots.discord.stand_ins import png_of
from tests.bots.studio_parts import SteeredPipeline, ended, reached, settings_in, studio_in

PHOTO = png_of(32)


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path)


async def ask(env):
    channel = env.create_guild().create_text_channel("general")
    ann = env.guild.add_member(env.create_user("ann"))
    return await ann.slash(channel, "anime", photo=("me.png", PHOTO))


async def only_job(database):
    (job,) = await database.jobs.unfinished()
    return job


async def test_a_photo_is_painted_and_its_job_delivered(settings):
    pipeline, may_paint = SteeredPipeline(), asyncio.Event()
    pipeline.act = lambda photo: may_paint.wait()
    async with (
        studio_in(settings, pipeline, None) as (studio, database, _),
        simcord.run(create_bot(settings, studio)) as env,
    ):
        result = await ask(env)
        job = await only_job(database)
        may_paint.set()
        assert (await ended(database, job.id)).state is State.DELIVERED
        assert result.response.content == "Here you are."
        assert await result.response.attachments[0].read() == b"anime of " + PHOTO


async def test_a_photo_without_a_face(settings):
    async def no_face(photo):
        await may_look.wait()
        raise NoFace("none")

    pipeline, may_look = SteeredPipeline(), asyncio.Event()
    pipeline.act = no_face
    async with (
        studio_in(settings, pipeline, None) as (studio, database, _),
        simcord.run(create_bot(settings, studio)) as env,
    ):
        result = await ask(env)
        job = await only_job(database)
        may_look.set()
        assert (await ended(database, job.id)).code == "no_face"
        assert result.response.content.startswith("I can't find a face in this photo.")


async def test_a_job_of_before_a_restart_is_answered_in_its_own_place(settings):
    pipeline, never = SteeredPipeline(), asyncio.Event()
    pipeline.act = lambda photo: never.wait()
    async with studio_in(settings, pipeline, None) as (studio, database, _):
        env = simcord.Env(create_bot(settings, studio))
        await env.start()
        result = await ask(env)
        job = await only_job(database)
        await reached(database, job.id, frozenset({State.RUNNING}))
    try:
        pipeline.act = None
        async with studio_in(settings, pipeline, None) as (studio, database, _):
            await reached(database, job.id, frozenset({State.RENDERED}))  # painted; its door is not open yet
            await env.restart_bot(create_bot(settings, studio))
            assert (await ended(database, job.id)).state is State.DELIVERED
        assert await result.response.attachments[0].read() == b"anime of " + PHOTO
        assert len(pipeline.painted) == 1
    finally:
        await env.shutdown()
