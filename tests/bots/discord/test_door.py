"""Answers that come while the token lives, after it, and after a restart; and the status line until then."""

import asyncio
from dataclasses import replace

import discord
import pytest

from bots.allowance import Allowance
from bots.discord.bot import create_bot
from bots.discord.door import NotConnected
from bots.discord.reply import ReplyTo
from bots.requests import Progress, Stage, Undeliverable
from tests.bots.discord.stand_ins import delivery_of, paint, png_of

PHOTO = png_of(64)
LATE = 15 * 60


def edits(env):
    return [request for request in env.http_requests if request.method == "PATCH"]


async def ask(ann, channel, studio, **options):
    result = await ann.slash(channel, "anime", photo=("me.png", PHOTO), **options)
    return result, studio.jobs[-1], studio.doors["discord"]


async def test_a_restarted_service_still_edits_the_response(env, ann, channel, studio, settings):
    result, job, _ = await ask(ann, channel, studio)
    await env.restart_bot(create_bot(settings, studio))
    delivery = delivery_of()
    await studio.doors["discord"].deliver(job, delivery)
    assert result.response.content == "Here you are."
    assert await result.response.attachments[0].read() == delivery.pictures[0].png


async def test_the_last_photos_of_an_hour_are_announced_under_their_pictures(env, ann, channel, studio):
    result, job, door = await ask(ann, channel, studio)
    studio.allowances.known[job.person] = Allowance(1, 1_800_000_000.2)
    await door.deliver(job, delivery_of())
    assert result.response.content == "Here you are.\n1 photo left for now. More after <t:1800000001:t>."


async def test_after_the_token_the_answer_is_a_new_message_in_place_of_the_status(env, ann, channel, studio, clock):
    result, job, door = await ask(ann, channel, studio)
    await door.progress(job, Progress(Stage.WAITING, 3))
    await env.settle()
    assert result.response.components
    clock.now += LATE
    delivery = delivery_of()
    await door.deliver(job, delivery)
    answer = channel.last_message
    assert answer.content == f"<@{ann.id}> Here you are."
    assert await answer.attachments[0].read() == delivery.pictures[0].png
    assert len(edits(env)) == 1
    assert result.response is None
    assert len(channel.history()) == 1


async def test_a_status_that_cannot_be_taken_away_keeps_no_answer_back(env, ann, channel, studio, clock, logs):
    _, job, door = await ask(ann, channel, studio)
    clock.now += LATE
    env.inject_error("DELETE", "/channels/*", status=403, code=50001)
    await door.deliver(job, delivery_of())
    assert channel.last_message.content == f"<@{ann.id}> Here you are."
    assert [entry["event"] for entry in logs] == ["discord status stays"]
    assert len(channel.history()) == 2


async def test_a_late_private_answer_goes_to_direct_messages_alone(env, ann, channel, studio, clock):
    _, job, door = await ask(ann, channel, studio, private=True)
    clock.now += LATE
    delivery = delivery_of()
    await door.deliver(job, delivery)
    answer = ann.user.dm_channel.last_message
    assert answer.content == "Here you are."
    assert await answer.attachments[0].read() == delivery.pictures[0].png
    assert not channel.history()


async def test_a_token_that_died_early_is_noticed(env, ann, channel, studio):
    _, job, door = await ask(ann, channel, studio, private=True)
    env.inject_error("PATCH", "/webhooks/*", status=401, code=50027)
    await door.explain(job, "no_face", "ab12cd34")
    assert ann.user.dm_channel.last_message.content.startswith("I can't find a face")


async def test_where_the_bot_may_not_speak_the_person_is_told_directly(env, ann, channel, studio, clock):
    _, job, door = await ask(ann, channel, studio)
    clock.now += LATE
    env.inject_error("POST", f"/channels/{channel.id}/messages", status=403, code=50001)
    await door.deliver(job, delivery_of())
    assert len(ann.user.dm_channel.last_message.attachments) == 1


@pytest.mark.parametrize("code", [50083, 160005])
@pytest.mark.parametrize("late", [LATE, 0])
async def test_what_a_closed_thread_does_not_take_goes_to_direct_messages(env, ann, channel, studio, clock, code, late):
    _, job, door = await ask(ann, channel, studio)
    clock.now += late
    env.inject_error("PATCH", "/webhooks/*", status=400, code=code)
    env.inject_error("POST", f"/channels/{channel.id}/messages", status=400, code=code)
    env.inject_error("DELETE", "/channels/*", status=400, code=code)
    await door.deliver(job, delivery_of())
    assert len(ann.user.dm_channel.last_message.attachments) == 1


async def test_nobody_can_be_told(env, ann, channel, studio, clock):
    _, job, door = await ask(ann, channel, studio)
    clock.now += LATE
    env.inject_error("POST", "/channels/*/messages", status=403, code=50007, times=None)
    with pytest.raises(Undeliverable):
        await door.deliver(job, delivery_of())


async def test_a_response_that_was_deleted_ends_the_job(env, ann, channel, studio):
    _, job, door = await ask(ann, channel, studio)
    env.inject_error("PATCH", "/webhooks/*", status=404, code=10008)
    with pytest.raises(Undeliverable):
        await door.deliver(job, delivery_of())


async def test_trouble_at_discord_is_left_to_be_tried_again(env, ann, channel, studio):
    result, job, door = await ask(ann, channel, studio)
    env.inject_error("PATCH", "/webhooks/*", status=503)
    with pytest.raises(discord.HTTPException):
        await door.deliver(job, delivery_of())
    await door.deliver(job, delivery_of())
    assert len(result.response.attachments) == 1


async def test_before_login_and_after_closing_nothing_is_lost(env, ann, channel, studio, settings):
    _, job, door = await ask(ann, channel, studio)
    await door.close()
    await door.progress(job, Progress(Stage.WAITING, 1))
    with pytest.raises(NotConnected):
        await door.deliver(job, delivery_of())
    assert not edits(env)


async def test_a_picture_above_the_limit_goes_as_jpeg(env, ann, channel, studio):
    result, job, door = await ask(ann, channel, studio)
    small = replace(ReplyTo.from_json(job.reply), filesize_limit=100_000)
    await door.deliver(replace(job, reply=small.to_json()), delivery_of())
    (file,) = result.response.attachments
    assert file.filename == "anime.jpg"
    assert (await file.read())[:3] == b"\xff\xd8\xff"


async def test_a_picture_that_discord_finds_too_large_goes_as_jpeg(env, ann, channel, studio):
    result, job, door = await ask(ann, channel, studio)
    env.inject_error("PATCH", "/webhooks/*", status=413, code=40005)
    await door.deliver(job, delivery_of(2))
    assert [file.filename for file in result.response.attachments] == ["anime.jpg", "anime-2.jpg"]


async def test_status_is_edited_in_place_and_then_gone(env, ann, channel, studio):
    result, job, door = await ask(ann, channel, studio)
    await door.progress(job, Progress(Stage.WAITING, 3))
    await env.settle()
    assert result.response.content == "You are number 3 in the queue."
    await door.progress(job, Progress(Stage.PAINTING, eta=7.2))
    await env.settle()
    await env.advance_time(2)
    assert result.response.content == "Painting, about 10 s to go…"
    await door.deliver(job, delivery_of())
    assert result.response.content == "Here you are."
    assert not result.followups


async def test_the_same_status_is_not_sent_twice(env, ann, channel, studio):
    _, job, door = await ask(ann, channel, studio)
    for eta in (13.0, 12.0, 11.5):
        await door.progress(job, Progress(Stage.PAINTING, eta=eta))
        await env.settle()
        await env.advance_time(3)
    assert len(edits(env)) == 1


async def test_a_burst_of_progress_shows_the_first_and_the_newest(env, ann, channel, studio):
    result, job, door = await ask(ann, channel, studio)
    for position in (9, 8, 7, 6):
        await door.progress(job, Progress(Stage.WAITING, position))
        await asyncio.sleep(0)
    await env.settle()
    await env.advance_time(2)
    assert result.response.content == "You are number 6 in the queue."
    assert len(edits(env)) <= 2


async def test_no_status_after_the_answer(env, ann, channel, studio):
    result, job, door = await ask(ann, channel, studio)
    await door.progress(job, Progress(Stage.WAITING, 2))
    await door.progress(job, Progress(Stage.WAITING, 1))
    await door.deliver(job, delivery_of())
    await door.progress(job, Progress(Stage.PAINTING))  # was on its way
    await env.advance_time(10)
    assert result.response.content == "Here you are."


async def test_a_status_that_cannot_be_shown_is_the_doors_own_trouble(env, ann, channel, studio, logs):
    result, job, door = await ask(ann, channel, studio)
    env.inject_error("PATCH", "/webhooks/*", status=500)
    await door.progress(job, Progress(Stage.WAITING, 2))
    await env.settle()
    assert [entry["event"] for entry in logs] == ["discord progress not shown"]
    await door.deliver(job, delivery_of())
    assert result.response.content == "Here you are."


async def test_tokens_are_in_no_log_and_in_no_repr(env, ann, channel, studio, clock, logs, caplog):
    caplog.set_level("INFO")
    studio.work = paint(delivery_of())
    _, job, door = await ask(ann, channel, studio)
    reply = ReplyTo.from_json(job.reply)
    env.inject_error("PATCH", "/webhooks/*", status=500, times=2)
    await door.progress(job, Progress(Stage.WAITING, 2))
    await env.settle()
    with pytest.raises(discord.HTTPException) as caught:
        await door.deliver(job, delivery_of())
    assert len(reply.token) > 20
    assert reply.token not in f"{logs} {caplog.text} {reply!r} {caught.value!r}"


async def test_what_was_cancelled_late_is_said_in_the_old_status(env, ann, channel, studio, clock):
    result, job, door = await ask(ann, channel, studio)
    await door.progress(job, Progress(Stage.WAITING, 3))
    await env.settle()
    clock.now += LATE
    await door.dismiss(job)
    assert (result.response.content, result.response.components) == ("Cancelled.", [])
    assert len(channel.history()) == 1


async def test_a_cancelled_job_is_said_in_the_response(env, ann, channel, studio):
    result, job, door = await ask(ann, channel, studio)
    await door.dismiss(job)
    assert result.response.content == "Cancelled."
    await door.progress(job, Progress(Stage.PAINTING))
    assert result.response.content == "Cancelled."
