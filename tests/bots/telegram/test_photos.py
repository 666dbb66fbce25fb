"""A photo comes in over HTTP, the picture goes out over HTTP, and nothing is left over."""

import asyncio
from pathlib import Path

import pytest

from bots.telegram import pace
from bots.telegram import status as status_module
from inference.errors import NoFace
from storage import State
from tests.bots.studio_parts import ENDED, ended, reached
from tests.bots.telegram.parts import PAINTED, Painter, running
from tests.bots.telegram.pictures import opened, picture
from tests.fakes.telegram import FakeTelegram


async def test_a_photo_is_answered_with_its_picture(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_text("/start")
        sent = await chat.send_photo(picture(2000, 1500))
        answer = await chat.wait_photo()
        assert answer.reply_to == sent.id
        assert answer.picture == PAINTED[0]
        assert answer.text == "Here you are."
        assert opened(service.painter.photos[0]).size == (1280, 960), "the largest size was taken"


async def test_an_image_file_is_taken_as_it_is(tg: FakeTelegram, tmp_path: Path) -> None:
    original, another = picture(500, 400, form="PNG"), picture(500, 400, "red", form="PNG")
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_document(original, "me.png", "image/png")
        assert (await chat.wait_photo()).reply_to == sent.id
        other = await chat.send_document(another, "IMG_1.HEIC", "application/octet-stream")
        assert await chat.wait_for(lambda m: m.reply_to == other.id and m.kind == "photo")
        assert service.painter.photos == [original, another]


async def test_several_faces_are_one_album(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.faces, service.painter.found = 2, 3
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_photo(picture())
        first, second = await chat.wait_answers(2, lambda m: m.kind == "photo")
        assert [first.picture, second.picture] == [*PAINTED[:2]]
        assert first.album == second.album
        assert first.album is not None
        assert first.reply_to == sent.id
        assert first.text == "Here you are: 2 of the 3 faces I found."
        below = await chat.wait_for(lambda m: m.kind == "text" and m.buttons)
        assert below.reply_to == first.id
        await chat.wait_until(lambda: len(chat.answers) == 3)


async def test_no_face_is_said_and_no_status_stays(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.error = NoFace("nobody there")
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_photo(picture())
        answer = await chat.wait_for(lambda m: "can't find a face" in m.text)
        assert answer.reply_to == sent.id
        assert chat.answers == [answer]


async def test_no_face_is_said_in_the_persons_language(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.error = NoFace("nobody there")
        chat = tg.private_chat(tg.user("Аня", "ru"))
        sent = await chat.send_photo(picture())
        answer = await chat.wait_for(lambda m: "не нашлось лица" in m.text)
        assert answer.reply_to == sent.id


async def test_the_status_is_one_message_edited_in_place_then_gone(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "EDIT_EVERY", 0.05)
    monkeypatch.setattr(status_module, "ACTION_AFTER", 0.05)
    async with running(tg, tmp_path, model_batch=1) as service:
        service.painter.hold.clear()
        busy = [tg.private_chat(tg.user(name)) for name in ("Bob", "Cyd")]
        for other in busy:
            await other.send_photo(picture())
            await other.wait_for(lambda m: "Painting" in m.text)
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_photo(picture())
        status = await chat.wait_for(lambda m: "number 1" in m.text)
        assert status.reply_to == sent.id
        await busy[0].wait_until(lambda: "upload_photo" in busy[0].state.actions)
        service.painter.hold.set()
        answer = await chat.wait_photo()
        assert status.deleted
        assert chat.history == [status, answer]


async def test_a_picture_that_comes_at_once_is_not_announced(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await chat.wait_photo()
    assert tg.count("sendChatAction") == 0


async def test_edits_keep_their_distance_and_end_with_the_latest(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, model_batch=1) as service:
        service.painter.hold.clear()
        chats = [tg.private_chat(tg.user(name)) for name in ("Ann", "Bob", "Cyd")]
        for chat in chats:
            await chat.send_photo(picture())
            await chat.wait_answers(1)
        last = chats[-1].answers[0]
        assert "number 1" in last.text
        service.painter.hold.set()
        service.painter.hold.clear()  # the first two are done, the third is painted
        await chats[-1].wait_until(lambda: "Painting" in last.text)
        calls = [c for c in tg.calls if c.chat_id == chats[-1].id and c.method in {"sendMessage", "editMessageText"}]
        assert [c.error for c in calls] == [0, 0]
        assert calls[1].at - calls[0].at >= pace.EDIT_EVERY
        service.painter.hold.set()
        await chats[-1].wait_photo()


async def test_a_file_over_20_mb_is_refused_in_words(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, limits_photo_bytes=30_000_000) as service:
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_document(picture(), size=25_000_000)  # the Bot API hands out 20 MB, whatever we allow
        assert "too large" in (await chat.wait_answers(1))[0].text
        await chat.send_document(picture(), size=31_000_000)
        assert "too large" in (await chat.wait_answers(2))[1].text
        assert service.painter.photos == []
        assert tg.count("getFile") == 1


async def test_a_photo_larger_than_it_said_is_refused(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, limits_photo_bytes=1_000) as service:
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_document(picture(900, 900, form="PNG") + b"x" * 5_000, size=500)
        assert "too large" in (await chat.wait_answers(1))[0].text
        assert service.painter.photos == []


async def test_quota_says_when_to_come_back(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, limits_minute=1):
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await chat.wait_photo()
        await chat.send_photo(picture(colour="red"))
        told = await chat.wait_for(lambda m: "short break" in m.text)
        assert "Please try again in" in told.text


async def test_the_last_photos_of_an_hour_are_announced_under_their_pictures(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, limits_hour=3):
        chat = tg.private_chat(tg.user("Ann"))
        for number, colour in enumerate(("red", "green", "blue"), 1):
            await chat.send_photo(picture(colour=colour))
            await chat.wait_answers(number, lambda m: m.kind == "photo")
        assert [m.text for m in chat.answers] == [
            "Here you are.",
            "Here you are.\n1 photo left for now. More in 60 minutes.",
            "Here you are.\nThat was your last photo for now. More in 60 minutes.",
        ]


async def test_the_same_update_twice_is_one_answer(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_photo(picture())
        await chat.wait_answers(1)
        tg.repeat(sent)
        await tg.wait_confirmed()
        service.painter.hold.set()
        answer = await chat.wait_photo()
        tg.repeat(sent)
        await tg.wait_confirmed()
        await chat.send_text("/help")
        await chat.wait_for(lambda m: "Accepted" in m.text)
        assert len(service.painter.photos) == 1
        assert [m.kind for m in chat.history] == ["text", "photo", "text"]
        assert chat.answers[0] is answer


async def test_a_flooded_answer_waits_and_comes(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        tg.flood("sendPhoto", 1)
        await chat.send_photo(picture())
        await chat.wait_photo()
        refused, taken = [call for call in tg.calls if call.method == "sendPhoto"]
        assert (refused.error, taken.error) == (429, 0)
        assert taken.at - refused.at >= 1.0


@pytest.mark.parametrize("trouble", ["error", "hang up"])
async def test_a_failed_upload_is_tried_again(tg: FakeTelegram, tmp_path: Path, trouble: str) -> None:
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        if trouble == "error":
            tg.fail("sendPhoto", 502, "Bad Gateway")
        else:
            tg.break_connection("sendPhoto")
        await chat.send_photo(picture())
        await chat.wait_photo()
        await chat.wait_until(lambda: len(chat.answers) == 1)


async def test_a_picture_that_is_no_photo_to_telegram_comes_as_a_file(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        tg.fail("sendPhoto", 400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
        await chat.send_photo(picture())
        answer = await chat.wait_for(lambda m: m.kind == "document")
        assert answer.picture == PAINTED[0]


@pytest.mark.parametrize("faces", [1, 3])
async def test_what_telegram_takes_neither_as_photo_nor_as_file_is_explained(
    tg: FakeTelegram, tmp_path: Path, faces: int
) -> None:
    painter = Painter()
    painter.faces = faces
    async with running(tg, tmp_path, painter) as service:
        chat = tg.private_chat(tg.user("Ann"))
        for method in ("sendPhoto", "sendDocument") if faces == 1 else ("sendMediaGroup",):
            tg.fail(method, 400, "Bad Request: PHOTO_SAVE_FILE_INVALID", times=2)
        await chat.send_photo(picture())
        await chat.wait_for(lambda m: "Telegram does not take this picture" in m.text)
        [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
        assert (await ended(service.database, job.id)).code == "undeliverable"
        assert [m.kind for m in chat.answers] == ["text"]


async def test_an_album_that_is_none_to_telegram_comes_as_files(tg: FakeTelegram, tmp_path: Path) -> None:
    painter = Painter()
    painter.faces = 2
    async with running(tg, tmp_path, painter):
        chat = tg.private_chat(tg.user("Ann"))
        tg.fail("sendMediaGroup", 400, "Bad Request: IMAGE_PROCESS_FAILED")
        await chat.send_photo(picture())
        files = await chat.wait_answers(2, lambda m: m.kind == "document")
        assert {m.picture for m in files} == {*PAINTED[:2]}


async def test_a_deleted_photo_is_answered_without_a_reply(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_photo(picture())
        await chat.wait_answers(1)
        await chat.delete(sent)
        service.painter.hold.set()
        assert (await chat.wait_photo()).reply_to is None


async def test_a_deleted_status_is_left_alone(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        status = (await chat.wait_answers(1))[0]
        await chat.delete(status)
        service.painter.hold.set()
        answer = await chat.wait_photo()
        assert chat.history == [status, answer]


async def test_who_blocked_the_bot_is_let_go(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await chat.wait_answers(1)
        await chat.block()
        service.painter.hold.set()
        job = (await service.database.jobs.of(f"telegram:{chat.user.id}"))[0]
        ended = await reached(service.database, job.id, ENDED)
        assert (ended.state, ended.code) == (State.FAILED, "undeliverable")
        assert tg.count("sendPhoto") == 1, "nothing is tried again"
        assert service.runner._parts.door._statuses == {}, "nor kept for it"


async def test_a_photo_that_cannot_be_downloaded(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.telegram.intake.PAUSE", 0.01)
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        tg.fail("getFile", 500, "Internal Server Error", times=2)
        sent = await chat.send_photo(picture())
        assert (await chat.wait_photo()).reply_to == sent.id
        tg.fail("getFile", 500, "Internal Server Error", times=3)
        await chat.send_photo(picture(colour="red"))
        await chat.wait_for(lambda m: "could not get this picture" in m.text)
        assert len(service.painter.photos) == 1


async def test_a_photo_that_telegram_hands_out_much_later(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.telegram.intake.PAUSE", 0.01)
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        tg.flood("getFile", 3_600)
        await chat.send_photo(picture())
        [told] = await chat.wait_answers(1)
    assert "could not get this picture" in told.text


async def test_an_unforeseen_error_has_a_reference(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    async with running(tg, tmp_path) as service:
        monkeypatch.setattr(service.studio, "accept", broken)
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        told = (await chat.wait_answers(1))[0].text
        assert "secret" not in told
        reference = told.split("Reference ")[1].rstrip(")")
        assert reference in capsys.readouterr().out


async def test_many_people_at_once(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chats = [tg.private_chat(tg.user(f"Person {n}")) for n in range(12)]
        await asyncio.gather(*(chat.send_photo(picture()) for chat in chats))
        for chat in chats:
            await chat.wait_photo(within=20)
            await chat.wait_until(lambda chat=chat: len(chat.answers) == 1)  # type: ignore[misc]
        assert len(service.painter.photos) == 12
