"""`/anime` as a person uses it, through discord.py itself."""

import re

import aiohttp
import pytest

from bots.discord.network import ForeignHost
from bots.discord.reply import ReplyTo
from inference.options import Crop, Faces, Options
from tests.bots.discord.stand_ins import delivery_of, fail, paint, png_of, refusal, status, unwell

PHOTO = png_of(128)


async def test_the_picture_takes_the_place_of_thinking(env, ann, channel, studio):
    delivery = delivery_of()
    studio.work = paint(delivery)
    result = await ann.slash(channel, "anime", photo=("me.png", PHOTO))
    assert studio.photos == [PHOTO]
    assert result.response.content == "Here you are."
    assert [await file.read() for file in result.response.attachments] == [delivery.pictures[0].png]
    assert not result.response.ephemeral
    assert not result.followups
    assert len(channel.history()) == 1


async def test_it_is_acknowledged_before_the_photo_is_copied(env, ann, channel, studio, monkeypatch):
    acknowledged = []
    get = env.backend.cdn.get

    def fetched(url):
        acknowledged.append([request.json for request in env.http_requests if request.path.endswith("/callback")])
        return get(url)

    monkeypatch.setattr(env.backend.cdn, "get", fetched)
    result = await ann.slash(channel, "anime", photo=("me.png", PHOTO))
    assert result.deferred
    assert acknowledged == [[{"type": 5}]]


async def test_it_is_acknowledged_before_the_database_is_asked(env, ann, channel, studio, monkeypatch):
    acknowledged = []
    get = studio.people.get

    async def asked(person):
        acknowledged.append([request.json for request in env.http_requests if request.path.endswith("/callback")])
        return await get(person)

    monkeypatch.setattr(studio.people, "get", asked)
    await ann.slash(channel, "anime", photo=("me.png", PHOTO))
    assert acknowledged == [[{"type": 5}]]


async def test_what_the_studio_is_told(env, ann, channel, studio):
    result = await ann.slash(
        channel, "anime", photo=("me.png", PHOTO), faces="largest", crop="wide", whole=True, private=True
    )
    (request,) = studio.requests
    reply = ReplyTo.from_json(request.reply)
    assert request.source.platform == "discord"
    assert request.source.chat == str(channel.id)
    assert request.source.message.isdecimal()
    assert request.source.attachment.isdecimal()
    assert request.person == f"discord:{ann.id}"
    assert request.language == "en-US"
    assert request.options == Options(Faces.LARGEST, Crop.WIDE, whole=True)
    assert request.declared_size == len(PHOTO)
    assert (reply.message_id, reply.channel_id, reply.user_id) == (result.response.id, channel.id, ann.id)
    assert reply.ephemeral
    assert result.ephemeral


async def test_a_private_answer_is_seen_by_the_person_alone(env, ann, channel, studio):
    studio.work = paint(delivery_of())
    result = await ann.slash(channel, "anime", photo=("me.png", PHOTO), private=True)
    assert result.response.ephemeral
    assert len(result.response.attachments) == 1


async def test_a_spoiler_is_covered_until_it_is_clicked(env, ann, channel, studio, clock):
    studio.work = paint(delivery_of(2))
    result = await ann.slash(channel, "anime", photo=("us.png", PHOTO), spoiler=True)
    assert [file.is_spoiler() for file in result.response.attachments] == [True, True]
    clock.now += 15 * 60
    await studio.doors["discord"].deliver(studio.jobs[-1], delivery_of())
    assert channel.last_message.attachments[0].is_spoiler()
    plain = await ann.slash(channel, "anime", photo=("us.png", PHOTO))
    assert not any(file.is_spoiler() for file in plain.response.attachments)


async def test_every_picture_comes_back_in_one_message(env, ann, channel, studio):
    delivery = delivery_of(3, found=5)
    studio.work = paint(delivery)
    result = await ann.slash(channel, "anime", photo=("us.png", PHOTO))
    assert result.response.content == "Here you are: 3 of the 5 faces I found."
    assert [file.filename for file in result.response.attachments] == ["anime.png", "anime-2.png", "anime-3.png"]
    assert [await file.read() for file in result.response.attachments] == [p.png for p in delivery.pictures]


async def test_no_more_pictures_are_promised_than_one_message_shows(env, ann, channel, studio):
    studio.work = paint(delivery_of(12))
    result = await ann.slash(channel, "anime", photo=("us.png", PHOTO))
    assert result.response.content == "Here you are: 10 of the 12 faces I found."
    assert len(result.response.attachments) == 10


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("no_face", "I can't find a face in this photo."),
        ("photo_too_large", "This picture is too large. Up to 0.2 MB and 50 megapixels work."),
        ("engine_failed", "Something went wrong while painting. Please send the photo again. (Reference ab12cd34)"),
        ("never_heard_of", "Something went wrong. Please try again. (Reference ab12cd34)"),
        ("cancelled", "Cancelled."),
    ],
)
async def test_why_there_is_no_picture(env, ann, channel, studio, code, words):
    studio.work = fail(code)
    result = await ann.slash(channel, "anime", photo=("me.png", PHOTO))
    assert result.response.content.startswith(words)
    assert not result.response.attachments


async def test_a_photo_above_the_limit_is_not_even_downloaded(env, ann, channel, studio):
    result = await ann.slash(channel, "anime", photo=("me.png", bytes(200_001)))
    assert result.response.content == "This picture is too large. Up to 0.2 MB and 50 megapixels work."
    assert not studio.requests


@pytest.mark.parametrize("name", ["me.gif", "me.mp4", "me.txt", "me.svg", "me.pdf"])
async def test_other_kinds_of_file_are_named(env, ann, channel, studio, name):
    result = await ann.slash(channel, "anime", photo=(name, PHOTO))
    assert result.response.content == "I can only read JPEG, PNG, WebP and HEIC pictures. Please send one of those."
    assert not studio.requests


@pytest.mark.parametrize("name", ["me.jpg", "me.webp", "me.heic", "me"])
async def test_what_may_be_a_photo_is_taken_in(env, ann, channel, studio, name):
    await ann.slash(channel, "anime", photo=(name, PHOTO))
    assert studio.photos == [PHOTO]


async def test_over_quota_says_when_to_come_again(env, ann, channel, studio):
    studio.refuses = refusal("over_quota", retry_at=1_800_000_000.2)
    result = await ann.slash(channel, "anime", photo=("me.png", PHOTO))
    assert result.response.content == (
        "That was a lot of photos. Please take a short break. Please try again after <t:1800000001:t>."
    )


async def test_an_unexpected_failure_shows_a_reference_and_nothing_else(env, ann, channel, studio, logs):
    studio.refuses = RuntimeError("/srv/secret/path exploded")
    result = await ann.slash(channel, "anime", photo=("me.png", PHOTO))
    found = re.fullmatch(
        r"Something went wrong\. Please try again\. \(Reference ([0-9a-f]{8})\)", result.response.content
    )
    assert found is not None
    (entry,) = [entry for entry in logs if entry["event"] == "discord command failed"]
    assert entry["reference"] == found[1]
    assert entry["exc_info"] is studio.refuses
    assert [error.original for error in env.errors] == [studio.refuses]


async def test_an_interaction_that_came_too_late_is_left_alone(env, ann, channel, studio, logs):
    env.inject_error("POST", "/interactions/*", status=404, code=10062, times=None)
    await ann.slash(channel, "anime", photo=("me.png", PHOTO))
    assert not studio.requests
    assert [entry["event"] for entry in logs] == ["discord command failed", "discord answer failed"]
    assert len(env.errors) == 1


async def test_an_attachment_that_discord_does_not_hand_out(env, ann, channel, studio, monkeypatch):
    monkeypatch.setattr(env.backend.cdn, "get", lambda url: None)
    result = await ann.slash(channel, "anime", photo=("me.png", PHOTO))
    assert result.response.content == "Discord did not hand me this picture. Please attach it again."
    assert not studio.jobs


@pytest.mark.parametrize("trouble", [status(503), status(429), TimeoutError(), aiohttp.ServerDisconnectedError()])
async def test_trouble_with_an_attachment_that_passes_is_not_noticed(env, ann, channel, studio, monkeypatch, trouble):
    monkeypatch.setattr(env.backend.cdn, "get", unwell(env.backend.cdn.get, [trouble, trouble]))
    studio.work = paint(delivery_of())
    result = await ann.slash(channel, "anime", photo=("me.png", PHOTO))
    assert studio.photos == [PHOTO]
    assert result.response.content == "Here you are."


@pytest.mark.parametrize(("failure", "attempts"), [(status(503), 4), (status(400), 1), (ForeignHost("no"), 1)])
async def test_an_attachment_is_not_asked_for_in_vain(env, ann, channel, studio, monkeypatch, failure, attempts):
    failures = [failure] * 9
    monkeypatch.setattr(env.backend.cdn, "get", unwell(env.backend.cdn.get, failures))
    result = await ann.slash(channel, "anime", photo=("me.png", PHOTO))
    assert result.response.content.startswith("Discord did not hand me this picture.")
    assert len(failures) == 9 - attempts


async def test_it_works_in_direct_messages(env, studio):
    studio.work = paint(delivery_of())
    ben = env.create_user("ben")
    result = await ben.slash("anime", photo=("me.png", PHOTO))
    assert len(result.response.attachments) == 1
