"""An album is one job and one album back, whenever its items come and whatever becomes of one of them."""

import asyncio
import sys
from pathlib import Path

import pytest

from bots.telegram import albums, polling
from inference import Direction, Options, Translation
from inference.errors import NoFace, Unreadable
from storage import ObjectMissing, Person, State, StorageError
from tests.bots.studio_parts import ENDED, reached
from tests.bots.telegram.parts import PAINTED, Painter, Running, running
from tests.bots.telegram.pictures import opened, picture
from tests.fakes.telegram import Chat, FakeTelegram, Message

COLOURS = ("red", "green", "blue", "gold", "pink", "teal", "navy", "lime", "gray", "black")
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(albums, "QUIET", 0.15)
    monkeypatch.setattr(polling, "GLANCE", 0.02)


def photos(count: int) -> list[bytes]:
    return [picture(320 + 10 * n, 240, colour) for n, colour in enumerate(COLOURS[:count])]


class ByWidth(Painter):
    """Refuses photos of certain widths, and paints the others in the order of their widths."""

    def __init__(self, refused: dict[int, Exception]) -> None:
        super().__init__()
        self.refused = refused

    async def translate(self, photo: bytes, options: Options) -> Translation:
        number = (opened(photo).width - 320) // 10
        if number in self.refused:
            raise self.refused[number]
        translation = await super().translate(photo, options)
        return Translation((translation.portraits[0].__class__(PAINTED[number % 6], PAINTED[0], 256),), 1)


async def only_job(service: Running, chat: Chat) -> str:
    [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
    await reached(service.database, job.id, ENDED)
    return job.id


async def test_an_album_comes_back_as_one(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, ByWidth({})) as service:
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_album(photos(3), caption="us")
        answers = await chat.wait_answers(3, lambda m: m.kind == "photo")
        assert [m.picture for m in answers] == [*PAINTED[:3]]
        assert len({m.album for m in answers} - {None}) == 1
        assert answers[0].reply_to == sent[0].id
        assert answers[0].text == "Here you are."
        below = await chat.wait_for(lambda m: m.kind == "text" and m.buttons)
        labels = [b["text"] for b in below.buttons]
        assert labels == ["Wider", "Closer", "Side by side", "As a file", "Sticker", "Delete"]
        await chat.wait_until(lambda: len(chat.answers) == 4)  # and no status is left
        job = await service.studio.job(await only_job(service, chat))
        assert job is not None
        assert (len(job.inputs), len(job.results), job.missed) == (3, 6, ("", "", ""))

        await (await chat.press(below, "Wider")).answer()
        await chat.wait_answers(6, lambda m: m.kind == "photo")
        assert tg.count("getFile") == 3, "painted from what is stored"

        assert (await (await chat.press(below, "Delete")).answer())["text"] == "Deleted."
        assert await service.store.get(job.inputs[0]), "the other job is made from them, too"
        await service.studio.forget(job.person)
        for key in (*job.inputs, *job.results):
            with pytest.raises(ObjectMissing):
                await service.store.get(key)


async def test_ten_photos_of_several_faces_are_several_albums(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.faces = 2
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_album(photos(10))
        answers = await chat.wait_answers(20, lambda m: m.kind == "photo")
        assert [m.picture for m in answers] == [*PAINTED[:2]] * 10
        sizes = [[m.album for m in answers].count(album) for album in dict.fromkeys(m.album for m in answers)]
        assert sizes == [10, 10]
        assert sum(m.text != "" for m in answers) == 1
        below = await chat.wait_for(lambda m: m.kind == "text" and m.buttons)
        assert "Sticker" not in [b["text"] for b in below.buttons]
        await (await chat.press(below, "Delete")).answer()
        assert chat.answers == []


async def test_what_can_not_be_painted_is_named_and_spoils_nothing(tg: FakeTelegram, tmp_path: Path) -> None:
    painter = ByWidth({1: NoFace("nobody"), 2: Unreadable("broken"), 4: NoFace("nobody"), 5: RuntimeError("secret")})
    async with running(tg, tmp_path, painter, limits_photo_bytes=100_000) as service:
        chat = tg.private_chat(tg.user("Ann"))
        album = chat.new_album()
        for number, photo in enumerate(photos(6)):
            await chat.send_photo(photo, album=album)
            if number == 2:
                await chat.send_document(photo, size=200_000, album=album)
        answers = await chat.wait_answers(2, lambda m: m.kind == "photo")
        assert [m.picture for m in answers] == [PAINTED[0], PAINTED[3]]
        first, *missed = answers[0].text.split("\n")
        assert first == "Here you are."
        assert len(missed) == 4
        assert any(line.startswith("Photo 2, 6: I can't find a face") for line in missed)
        assert any(line.startswith("Photo 3: I can't open this picture") for line in missed)
        assert any(line.startswith("Photo 4: This picture is too large") for line in missed)
        [unexpected] = [line for line in missed if line.startswith("Photo 7: Something went wrong")]
        job_id = await only_job(service, chat)
        assert job_id[:8] in unexpected
        assert "secret" not in answers[0].text

        painter.refused.clear()  # what failed may work later; what was never taken in stays missing
        below = await chat.wait_for(lambda m: m.kind == "text" and m.buttons)
        await (await chat.press(below, "Wider")).answer()
        again = (await chat.wait_answers(8, lambda m: m.kind == "photo"))[2:]
        assert again[0].text.split("\n")[1:] == [next(line for line in missed if line.startswith("Photo 4"))]


async def test_an_album_without_any_face_says_so_once(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.error = NoFace("nobody")
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_album(photos(3))
        said = await chat.wait_for(lambda m: "can't find a face" in m.text)
        await tg.wait_confirmed()
        assert chat.answers == [said]
        job = await service.studio.job(await only_job(service, chat))
        assert job is not None
        assert (job.state, job.code) == (State.FAILED, "no_face")


async def test_no_photo_of_an_album_can_be_fetched(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.telegram.intake.PAUSE", 0.01)
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        tg.fail("getFile", 500, "Internal Server Error", times=6)
        await chat.send_album(photos(2))
        said = await chat.wait_for(lambda m: "could not get this picture" in m.text)
        await tg.wait_confirmed()
        assert await service.database.jobs.of(f"telegram:{chat.user.id}") == []
    assert chat.answers == [said]


async def test_files_and_photos_mixed_with_a_video(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        album = chat.new_album()
        first = await chat.send_document(photos(1)[0], album=album)
        await chat.send_media("video", album=album)
        await chat.send_photo(photos(2)[1], album=album)
        answers = await chat.wait_answers(2, lambda m: m.kind == "photo")
        assert answers[0].reply_to == first.id
        assert len(service.painter.photos) == 2

        videos = chat.new_album()
        for _ in range(3):
            await chat.send_media("video", album=videos)
        await chat.wait_for(lambda m: "screenshot of your video" in m.text)
        await tg.wait_confirmed()
    assert sum("screenshot" in m.text for m in chat.answers) == 1


@pytest.mark.parametrize(
    ("caption", "captioned", "direction"),
    [
        ("/anime", 0, Direction.ANIME),
        ("@selfie2anime_test_bot", 2, Direction.ANIME),
        ("/reverse", 1, Direction.REVERSE),
    ],
)
async def test_in_a_group_one_caption_calls_for_all(
    tg: FakeTelegram, tmp_path: Path, caption: str, captioned: int, direction: Direction
) -> None:
    async with running(tg, tmp_path) as service:
        group = tg.group("Friends", tg.user("Ann"), privacy=False)
        await group.send_album(photos(2))
        await tg.wait_confirmed()
        assert group.history == []
        sent = await group.send_album(photos(3), caption=caption, captioned=captioned)
        answers = await group.wait_answers(3, lambda m: m.kind == "photo")
        assert answers[0].reply_to == sent[0].id
        assert {options.direction for options in service.painter.options} == {direction}


async def test_with_privacy_mode_the_item_that_calls_is_painted(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        ann, bob = tg.user("Ann"), tg.user("Bob")
        group = tg.group("Friends", ann, bob)
        sent = await group.send_album(photos(3), caption="/anime", captioned=1)
        assert (await group.wait_photo()).reply_to == sent[1].id
        await group.send_text("/anime", reply_to=sent[2], by=bob)
        await group.wait_for(lambda m: m.reply_to == sent[2].id and m.kind == "photo")
        assert len(service.painter.photos) == 2


async def test_an_album_that_comes_again_is_answered_once(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_album(photos(3))
        for message in sent:  # while it is gathered
            tg.repeat(message)
        await chat.wait_answers(1)
        await tg.wait_confirmed()
        for message in sent[1:]:  # while it is painted
            tg.repeat(message)
        await tg.wait_confirmed()
        service.painter.hold.set()
        await chat.wait_answers(3, lambda m: m.kind == "photo")
        await only_job(service, chat)
        for message in sent[1:]:
            tg.repeat(message)
        await tg.wait_confirmed()
        assert len(service.painter.photos) == 3
        assert sum(m.kind == "photo" for m in chat.history) == 3


async def test_a_late_item_is_painted_by_itself(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        album = chat.new_album()
        first, second, third = photos(3)
        await chat.send_photo(first, album=album)
        with tg.hold("getFile"):
            await tg.wait_call("getUpdates", tg.count("getUpdates") + 12)  # by now it is being fetched
            during = await chat.send_photo(second, album=album)
            await tg.wait_call("getUpdates", tg.count("getUpdates") + 2)
        await chat.wait_for(lambda m: m.kind == "photo" and m.reply_to == during.id)
        await tg.wait_confirmed()
        after = await chat.send_photo(third, album=album)
        await chat.wait_for(lambda m: m.kind == "photo" and m.reply_to == after.id)
        tg.repeat(after)
        tg.repeat(during)
        await tg.wait_confirmed()
        assert len(service.painter.photos) == 3
        assert len(chat.answers) == 3


async def test_a_late_item_is_painted_whatever_became_of_the_others(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        album, begun, go_on, get = chat.new_album(), asyncio.Event(), asyncio.Event(), service.studio.people.get

        async def broken(person: str) -> Person:
            begun.set()
            await go_on.wait()
            raise StorageError("database_locked", "try again")

        monkeypatch.setattr(service.studio.people, "get", broken)
        first, second = photos(2)
        await chat.send_photo(first, album=album)
        await begun.wait()
        late = await chat.send_photo(second, album=album)
        await tg.wait_until(lambda: len(service.runner._poller._taken) == 2)
        monkeypatch.setattr(service.studio.people, "get", get)
        go_on.set()
        assert (await chat.wait_photo()).reply_to == late.id
        await chat.wait_for(lambda m: "Something went wrong" in m.text)


@pytest.mark.parametrize(("caption", "direction"), [("/anime", Direction.ANIME), ("/reverse", Direction.REVERSE)])
@pytest.mark.parametrize("private", [True, False])
async def test_a_late_item_is_painted_as_its_album_was_called(
    tg: FakeTelegram, tmp_path: Path, private: bool, caption: str, direction: Direction
) -> None:
    async with running(tg, tmp_path) as service:
        ann = tg.user("Ann")
        chat = tg.private_chat(ann) if private else tg.group("Friends", ann, privacy=False)
        album = chat.new_album()
        first, second = photos(2)
        await chat.send_photo(first, caption, album=album)
        await tg.wait_confirmed()
        late = await chat.send_photo(second, album=album)
        await chat.wait_for(lambda m: m.kind == "photo" and m.reply_to == late.id)
        assert [options.direction for options in service.painter.options] == [direction] * 2
        await chat.send_media("video", album=album)
        await tg.wait_confirmed()
    assert {m.kind for m in chat.answers} == {"photo"}


async def test_an_album_counts_as_one_in_a_minute_and_as_its_photos_in_an_hour(
    tg: FakeTelegram, tmp_path: Path
) -> None:
    async with running(tg, tmp_path, limits_minute=2, limits_hour=4):
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_album(photos(3))
        await chat.wait_answers(3, lambda m: m.kind == "photo")
        await chat.send_album(photos(2))
        assert "Please try again in 60 min" in (await chat.wait_for(lambda m: "short break" in m.text)).text
        await chat.send_photo(photos(1)[0])
        await chat.wait_answers(4, lambda m: m.kind == "photo")


async def test_no_update_of_an_album_is_confirmed_before_its_job(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        chat = tg.private_chat(tg.user("Ann"))
        with tg.hold("getFile"):
            await chat.send_album(photos(3))
            await tg.wait_call("getUpdates", tg.count("getUpdates") + 20)
            assert len(tg.world.updates.pending) == 3
        await tg.wait_confirmed()
        assert len(await service.database.jobs.of(f"telegram:{chat.user.id}")) == 1
        await chat.wait_answers(3, lambda m: m.kind == "photo")


async def test_an_album_sent_while_stopping_is_answered_after_the_start(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        await service.studio.drain()
        await chat.send_album(photos(2))
        await asyncio.wait_for(service.runner.finished.wait(), 10)
    assert chat.history == []
    async with running(tg, tmp_path):
        await chat.wait_answers(2, lambda m: m.kind == "photo")


# The service with a painter that waits for ever, until it is killed.
SERVING = """
import asyncio, sys
from pathlib import Path
from bots.telegram import albums, polling
from tests.bots.studio_parts import settings_in, studio_in
from tests.bots.telegram.parts import Painter
from bots.telegram.runner import run_telegram

async def main(quiet, folder, token, base_url, file_url):
    albums.QUIET, polling.GLANCE = float(quiet), 0.02
    painter = Painter()
    painter.hold.clear()
    settings = settings_in(
        Path(folder), telegram_token=token, telegram_base_url=base_url, telegram_file_url=file_url
    )
    async with studio_in(settings, painter, None) as (studio, _, _), run_telegram(settings, studio):
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def killed_when(tg: FakeTelegram, folder: Path, quiet: float, method: str, count: int) -> None:
    """Serve until that call, then SIGKILL."""
    where = [str(quiet), str(folder), tg.token, tg.base_url, tg.file_url]
    service = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVING, *where, cwd=ROOT)
    try:
        await tg.wait_call(method, count, within=30)
    finally:
        service.kill()
        await service.wait()


@pytest.mark.parametrize(
    ("received", "quiet", "method", "count"),
    [
        (2, 60.0, "getUpdates", 3),  # items are there, and it waits for more
        (3, 0.15, "getFile", 2),  # one photo is fetched
        (3, 0.15, "sendMessage", 1),  # the job is written down, and the person sees it
    ],
)
async def test_an_album_outlives_a_kill_as_one(
    tg: FakeTelegram, tmp_path: Path, received: int, quiet: float, method: str, count: int
) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    album, items = chat.new_album(), photos(3)
    sent: list[Message] = [await chat.send_photo(photo, album=album) for photo in items[:received]]
    await killed_when(tg, tmp_path, quiet, method, count)
    sent += [await chat.send_photo(photo, album=album) for photo in items[received:]]
    async with running(tg, tmp_path, ByWidth({})) as service:
        answers = await chat.wait_answers(3, lambda m: m.kind == "photo")
        assert [m.picture for m in answers] == [*PAINTED[:3]]
        assert answers[0].reply_to == sent[0].id
        await tg.wait_confirmed()
        await only_job(service, chat)
        assert sum(m.kind == "photo" for m in chat.history) == 3
