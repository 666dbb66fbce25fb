"""The buttons under the bot's messages, at the real studio, with real files and a real database behind it."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import simcord
from PIL import Image

from bots.discord.bot import AnimeBot, create_bot
from bots.discord.reply import ReplyTo
from bots.preferences import Preferences
from bots.studio import Studio
from bots.words import Words
from config import Settings
from inference import Crop, Faces, Options, Portrait, Translation
from inference.errors import NoFace
from storage import Database, State
from tests.bots.discord.stand_ins import png_of
from tests.bots.studio_parts import SteeredPipeline, ended, reached, settings_in, studio_in

WORDS = Words.load()
PHOTO = png_of(32)
ANIME = png_of(256, seed=1)
CROP = png_of(256, seed=2)


class Painter(SteeredPipeline):
    """Paints real pictures, and says how many faces it found. Remembers what it was asked for."""

    def __init__(self, found: int = 1) -> None:
        super().__init__()
        self.found = found
        self.options: list[Options] = []

    async def translate(self, photo: bytes, options: Options) -> Translation:
        self.options.append(options)
        await super().translate(photo, options)
        count = self.found if options.faces is Faces.ALL and options.face is None and not options.whole else 1
        return Translation((Portrait(ANIME, CROP, 256),) * count, self.found)


@dataclass
class Place:
    """Where ann asks, and all that is behind it."""

    env: simcord.Env
    studio: Studio
    database: Database
    pipeline: Painter
    channel: simcord.ChannelHandle
    ann: simcord.MemberActor
    settings: Settings

    async def ask(self, **options: object) -> simcord.InteractionResult:
        before = {job.id for job in await self.jobs()}
        result = await self.ann.slash(self.channel, "anime", photo=("me.png", PHOTO), **options)
        await self.done(before)
        return result

    async def click(self, message: object, label: str) -> simcord.InteractionResult:
        """Press it, and wait for the job that it makes, if it makes one."""
        before = {job.id for job in await self.jobs()}
        result = await self.ann.click(message, label=label)
        await self.done(before)
        return result

    async def jobs(self) -> list:
        return await self.database.jobs.of(f"discord:{self.ann.id}")

    async def done(self, before: set[str]) -> None:
        for job in await self.jobs():
            if job.id not in before:
                await ended(self.database, job.id)


@asynccontextmanager
async def place_in(settings: Settings, pipeline: Painter) -> AsyncIterator[Place]:
    async with (
        studio_in(settings, pipeline, None) as (studio, database, _),
        simcord.run(create_bot(settings, studio)) as env,
    ):
        channel = env.create_guild().create_text_channel("general")
        ann = env.guild.add_member(env.create_user("ann"))
        yield Place(env, studio, database, pipeline, channel, ann, settings)


@pytest.fixture
def settings(tmp_path):
    return settings_in(tmp_path, limits_minute=20)


def labels(message) -> list[str]:
    return [button["label"] for row in message.components for button in row["components"]]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


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


async def test_several_photos_are_one_job_and_one_answer(settings):
    async with place_in(settings, Painter()) as place:
        result = await place.ask(photo2=("us.png", png_of(24)), photo3=("notes.txt", b"no picture"))
        (job,) = await place.jobs()
        assert sorted(place.pipeline.painted) == sorted([PHOTO, png_of(24)])
        assert len(result.response.attachments) == 2
        assert result.response.content == "Here you are.\nPhoto 3: " + WORDS.say("en", "failed.unsupported_format")
        assert job.missed == ("", "", "unsupported_format")


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
