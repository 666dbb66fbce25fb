"""Photos in direct messages, where the bot answers with messages of its own."""

import asyncio
from dataclasses import replace

import pytest
from simcord.backend.models import MessageSticker
from simcord.enums import MessageType

from bots.discord.bot import create_bot
from bots.discord.reply import ReplyTo
from bots.preferences import Preferences
from bots.requests import Progress, Stage, Undeliverable
from bots.words import Words
from inference import Crop, Faces, Options
from storage import Person, State
from tests.bots.discord.place import PHOTO, Painter, opened, place_in
from tests.bots.discord.stand_ins import delivery_of, fail, paint, png_of, refusal
from tests.bots.studio_parts import ended, settings_in

WORDS = Words.load()
HINT = WORDS.say("en", "start")


@pytest.fixture
def ben(env):
    return env.create_user("ben")


async def send(env, person, *files, content=""):
    attachments = env.backend.store_attachments(person.dm_channel.id, files)
    return await person.send_dm(content, attachments=attachments)


def answers(person):
    return [message for message in person.dm_channel.history() if message.author.id != person.id]


def buttons(message):
    return [button.label for row in message.components for button in row.children]


async def test_a_photo_is_answered_by_one_message_that_becomes_the_picture(env, ben, studio):
    sent = await send(env, ben, ("me.png", PHOTO))
    (status,) = answers(ben)
    assert status.content == "One moment…"
    assert status.reference.message_id == sent.id
    (request,) = studio.requests
    assert studio.photos == [PHOTO]
    assert (request.person, request.language) == (f"discord:{ben.id}", "en")
    assert (request.source.chat, request.source.message) == (str(ben.dm_channel.id), str(sent.id))
    door, (job,), delivery = studio.doors["discord"], studio.jobs, delivery_of()
    await door.progress(job, Progress(Stage.WAITING, 3))
    await env.settle()
    (status,) = answers(ben)
    assert status.content == "You are number 3 in the queue."
    await door.deliver(job, delivery)
    (answer,) = answers(ben)
    assert (answer.id, answer.content) == (status.id, "Here you are.")
    assert await answer.attachments[0].read() == delivery.pictures[0].png


async def test_it_is_answered_in_its_place_however_late_and_after_a_restart(env, ben, studio, settings, clock):
    await send(env, ben, ("me.png", PHOTO))
    clock.now += 24 * 60 * 60
    await env.restart_bot(create_bot(settings, studio))
    await studio.doors["discord"].deliver(studio.jobs[0], delivery_of())
    (answer,) = answers(ben)
    assert len(answer.attachments) == 1


async def test_an_album_is_one_job(env, ben, studio):
    studio.work = paint(delivery_of(2))
    await send(env, ben, ("a.png", PHOTO), ("notes.txt", b"no"), ("b.png", png_of(24)))
    assert studio.photos == [PHOTO, png_of(24)]
    (answer,) = answers(ben)
    assert len(answer.attachments) == 2


async def test_what_was_covered_is_answered_covered(env, ben, studio):
    studio.work = paint(delivery_of(1))
    await send(env, ben, ("SPOILER_me.png", PHOTO))
    (answer,) = answers(ben)
    assert [file.is_spoiler() for file in answer.attachments] == [True]


async def test_why_there_is_no_picture(env, ben, studio):
    studio.work = fail("no_face")
    await send(env, ben, ("me.png", PHOTO))
    (answer,) = answers(ben)
    assert answer.content.startswith("I can't find a face in this photo.")
    assert buttons(answer) == ["Paint the whole picture"]


async def test_a_refusal_takes_the_place_of_the_status(env, ben, studio):
    studio.refuses = refusal("blocked")
    await send(env, ben, ("me.png", PHOTO))
    assert [answer.content for answer in answers(ben)] == ["Sorry, you can't use this bot."]


async def test_an_unexpected_failure_shows_a_reference_and_nothing_else(env, ben, studio, logs):
    studio.refuses = RuntimeError("/srv/secret/path exploded")
    await send(env, ben, ("me.png", PHOTO))
    (entry,) = [entry for entry in logs if entry["event"] == "discord direct message failed"]
    told = f"Something went wrong. Please try again. (Reference {entry['reference']})"
    assert [answer.content for answer in answers(ben)] == [told]


async def test_the_same_message_again_starts_nothing_and_leaves_one_answer(env, ben, studio):
    sent = await send(env, ben, ("me.png", PHOTO))
    first = studio.jobs[0]
    await studio.doors["discord"].deliver(first, delivery_of())

    async def known(request, *photos):
        assert request.source == first.source
        return first

    studio.accept = known
    env.backend.announce_message_create(env.backend.messages[ben.dm_channel.id][sent.id])
    await env.settle()
    (answer,) = answers(ben)
    assert len(answer.attachments) == 1
    posts = [request.json for request in env.http_requests if request.path == f"/channels/{ben.dm_channel.id}/messages"]
    # Discord gives back the first answer for it while it remembers; the stand-in makes a second, which is deleted.
    assert [(post["nonce"], post["enforce_nonce"]) for post in posts] == [(str(sent.id), True)] * 2


async def test_a_person_who_takes_no_messages_costs_nothing(env, ben, studio, logs):
    env.inject_error("POST", "/channels/*/messages", status=403, code=50007)
    await send(env, ben, ("me.png", PHOTO))
    assert not studio.requests
    assert [entry["event"] for entry in logs] == ["discord direct message closed"]


@pytest.mark.parametrize(("status", "code"), [(404, 10008), (404, 10003), (403, 50007)])
async def test_an_answer_that_is_gone_ends_the_job(env, ben, studio, status, code):
    await send(env, ben, ("me.png", PHOTO))
    env.inject_error("PATCH", "/channels/*/messages/*", status=status, code=code)
    with pytest.raises(Undeliverable):
        await studio.doors["discord"].deliver(studio.jobs[0], delivery_of())


async def test_words_alone_are_answered_with_a_hint_once_a_minute(env, ben, studio, clock):
    for _ in range(3):
        await send(env, ben, content="hello?")
    await send(env, ben, ("notes.txt", b"no photo"))
    assert [answer.content for answer in answers(ben)] == [HINT]
    await send(env, env.create_user("eve"), content="hello?")
    clock.now += 61
    await send(env, ben, ("notes.txt", b"no photo"))
    assert [answer.content for answer in answers(ben)] == [HINT, HINT]
    assert not studio.requests


async def test_what_needs_no_answer_gets_none(env, ben, channel, ann, studio):
    await ben.send_dm("a call", message_type=MessageType.CALL)
    await ben.send_dm(stickers=[MessageSticker(1, "wave", 1, env.guild.id)])
    robot = env.create_user("robot", bot=True)
    await send(env, robot, ("me.png", PHOTO))
    await ann.send(channel, "look", attachments=[("me.png", PHOTO)])
    assert not answers(ben)
    assert not answers(robot)
    assert len(channel.history()) == 1
    assert not studio.requests


async def test_the_language_is_the_chosen_one_or_that_of_the_last_picture(env, ben, studio):
    await send(env, ben, ("me.png", PHOTO))
    studio.jobs[0] = replace(studio.jobs[0], language="ru")
    await send(env, ben, ("me.png", PHOTO))
    studio.people.known[f"discord:{ben.id}"] = Person(f"discord:{ben.id}", language="de")
    await send(env, ben, ("me.png", PHOTO))
    assert [request.language for request in studio.requests] == ["en", "ru", "de"]
    assert {answer.content for answer in answers(ben)} == {"One moment…", "Минутку…", "Einen Moment…"}


async def test_rows_of_earlier_versions_are_of_interactions():
    reply = ReplyTo(1, "token", 2, 3, 4, False, 5.0, 6)
    assert not ReplyTo.from_json(reply.to_json()).own


async def test_how_a_person_likes_it_holds_here_too(tmp_path):
    async with place_in(settings_in(tmp_path), Painter()) as place:
        liked = Preferences(Faces.LARGEST, Crop.WIDE, beside=True)
        await place.studio.people.set_settings(f"discord:{place.ann.id}", liked.to_json())
        answer = await asked(place)
        assert place.pipeline.options == [Options(Faces.LARGEST, Crop.WIDE)]
        assert opened(await answer.attachments[0].read()).size == (512, 256)


async def test_the_buttons_work_as_elsewhere(tmp_path):
    async with place_in(settings_in(tmp_path, limits_minute=20), Painter()) as place:
        answer, ann = await asked(place), place.ann.user
        for label in ("Wider", "Side by side", "Emoji"):
            before = {job.id for job in await place.jobs()}
            pressed = await ann.click(answer, label=label)
            await place.done(before)
            assert len(pressed.response.attachments) == 1, label
        again = await ann.click(answer, label="Delete")
        assert [told.content for told in again.followups] == ["Deleted."]
        assert answer.id not in [message.id for message in ann.dm_channel.history()]


async def test_what_waits_can_be_cancelled(tmp_path):
    pipeline, never = Painter(), asyncio.Event()
    pipeline.act = lambda photo: never.wait()
    async with place_in(settings_in(tmp_path), pipeline) as place:
        await send(place.env, place.ann.user, ("me.png", PHOTO))
        (job,) = await place.jobs()
        async with asyncio.timeout(5):
            while not answers(place.ann.user)[0].components:  # noqa: ASYNC110 - comes with the clerk's next look
                await asyncio.sleep(0.01)
        await place.ann.user.click(answers(place.ann.user)[0], label="Cancel")
        assert (await ended(place.database, job.id)).state is State.CANCELLED
        async with asyncio.timeout(5):
            while answers(place.ann.user)[0].content != "Cancelled.":  # noqa: ASYNC110 - the door edits in its own time
                await asyncio.sleep(0.01)


async def asked(place):
    """The answer to a photo of ann."""
    await send(place.env, place.ann.user, ("me.png", PHOTO))
    await place.done(set())
    (answer,) = answers(place.ann.user)
    return answer
