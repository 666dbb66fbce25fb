"""Several photos in one answer, and profile pictures."""

import pytest

from bots.words import Words
from tests.bots.discord.place import ANIME, PHOTO, Painter, place_in
from tests.bots.discord.stand_ins import png_of
from tests.bots.studio_parts import ended, settings_in

WORDS = Words.load()


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path, limits_minute=20)


async def test_several_photos_are_one_job_and_one_answer(settings):
    async with place_in(settings, Painter()) as place:
        result = await place.ask(photo2=("us.png", png_of(24)), photo3=("notes.txt", b"no picture"))
        (job,) = await place.jobs()
        assert sorted(place.pipeline.painted) == sorted([PHOTO, png_of(24)])
        assert len(result.response.attachments) == 2
        assert result.response.content == "Here you are.\nPhoto 3: " + WORDS.say("en", "failed.unsupported_format")
        assert job.missed == ("", "", "unsupported_format")


async def test_a_photo_that_discord_does_not_hand_out_does_not_spoil_the_others(settings, monkeypatch):
    async with place_in(settings, Painter()) as place:
        get = place.env.backend.cdn.get
        monkeypatch.setattr(place.env.backend.cdn, "get", lambda url: None if url.endswith("us.png") else get(url))
        result = await place.ask(photo2=("us.png", png_of(24)), photo3=("you.png", png_of(16)))
        (job,) = await place.jobs()
        assert sorted(place.pipeline.painted) == sorted([PHOTO, png_of(16)])
        assert result.response.content == "Here you are.\nPhoto 2: " + WORDS.say("en", "failed.not_fetched")
        assert job.missed == ("", "not_fetched", "")


async def test_anime_this_takes_all_photos_of_a_message(settings):
    async with place_in(settings, Painter()) as place:
        message = await place.ann.send(
            place.channel, "us", attachments=[("a.png", PHOTO), ("notes.txt", b"no"), ("b.png", png_of(24))]
        )
        result = await place.ann.context_menu(place.channel, "Anime this", message)
        (job,) = await place.jobs()
        await ended(place.database, job.id)
        assert sorted(place.pipeline.painted) == sorted([PHOTO, png_of(24)])
        assert len(result.response.attachments) == 2


async def test_what_was_covered_is_answered_covered(settings):
    async with place_in(settings, Painter()) as place:
        files = [("a.png", PHOTO), ("SPOILER_b.png", png_of(24))]
        message = await place.ann.send(place.channel, "don't look", attachments=files)
        by_menu = await place.ann.context_menu(place.channel, "Anime this", message)
        await place.done(set())
        by_command = await place.ann.slash(place.channel, "anime", photo=("SPOILER_me.png", png_of(16)))
        await place.done(set())
        assert [file.is_spoiler() for file in by_menu.response.attachments] == [True, True]
        assert [file.is_spoiler() for file in by_command.response.attachments] == [True]


async def test_somebodys_profile_picture_by_menu_and_by_option(settings, monkeypatch):
    async with place_in(settings, Painter()) as place:
        asked, get = [], place.env.backend.cdn.get

        def avatar(url):
            if "avatars" not in url:
                return get(url)
            asked.append(url)
            return PHOTO

        monkeypatch.setattr(place.env.backend.cdn, "get", avatar)
        ben = place.env.guild.add_member(place.env.create_user("ben"))
        by_menu = await place.ann.context_menu(place.channel, "Anime this", ben)
        (job,) = await place.jobs()
        await ended(place.database, job.id)
        assert await by_menu.response.attachments[0].read() == ANIME
        by_option = await place.ann.slash(place.channel, "anime", user=ben)
        await place.done({job.id})
        assert await by_option.response.attachments[0].read() == ANIME
        assert all(url.startswith("https://cdn.discordapp.com/embed/avatars/") and ".png" in url for url in asked)
        assert len(asked) == 2


async def test_anime_of_nothing_says_what_to_add(settings):
    async with place_in(settings, Painter()) as place:
        told = await place.ann.slash(place.channel, "anime")
        assert told.response.content.startswith("Add a photo to /anime")
        assert told.ephemeral
