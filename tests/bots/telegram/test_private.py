"""What the bot says in private when it is not sent a photo."""

from pathlib import Path

import pytest

from bots.words import Words
from inference import Direction
from tests.bots.telegram.parts import running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/start", "Hi! Send me a photo"),
        ("/start from_a_link", "Hi! Send me a photo"),
        ("/help", "up to 6"),
        ("/help@selfie2anime_test_bot", "up to 20 MB"),
        ("/privacy", "deleted within 1 h"),
        ("/anime", "Reply to a photo with /anime"),
        ("/reverse", "Reply to a drawn picture with /reverse"),
        ("/unknown", "Send me a photo"),
        ("hello", "Send me a photo"),
        ("look: https://example.org/me.jpg", "don't open links"),
    ],
)
async def test_texts(tg: FakeTelegram, tmp_path: Path, text: str, expected: str) -> None:
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_text(text)
        answer = (await chat.wait_answers(1))[0]
        assert expected in answer.text
        assert "{" not in answer.text
        assert answer.reply_to == sent.id


async def test_every_other_kind_has_its_answer(tg: FakeTelegram, tmp_path: Path) -> None:
    expected = {
        "animation": "no GIFs",
        "video": "screenshot of your video",
        "video_note": "screenshot of your video",
        "sticker": "Nice sticker",
        "voice": "can't listen",
        "audio": "can't listen",
    }
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        for kind, words in expected.items():
            sent = await chat.send_media(kind)
            answer = await chat.wait_for(lambda m, sent=sent: m.reply_to == sent.id)  # type: ignore[misc]
            assert words in answer.text
        sent = await chat.send_document(b"%PDF-1.7", "letter.pdf", "application/pdf")
        assert "only open pictures" in (await chat.wait_for(lambda m: m.reply_to == sent.id)).text
        files = {"video/mp4": "screenshot of your video", "image/gif": "no GIFs", "audio/ogg": "can't listen"}
        for kind, words in files.items():
            sent = await chat.send_document(b"anything", "file", kind)
            answer = await chat.wait_for(lambda m, sent=sent: m.reply_to == sent.id)  # type: ignore[misc]
            assert words in answer.text
        assert service.painter.photos == []


async def test_a_command_that_replies_to_something_else_says_what_is_wrong_with_it(
    tg: FakeTelegram, tmp_path: Path
) -> None:
    async with running(tg, tmp_path):
        group = tg.group("Friends", tg.user("Ann"))
        video = await group.send_media("video")
        text = await group.send_text("look: https://example.org/me.jpg")
        for command, replied, words in (
            ("/anime", video, "screenshot of your video"),
            ("@selfie2anime_test_bot", video, "screenshot of your video"),
            ("/anime", text, "Reply to a photo with /anime"),
            ("/reverse", text, "Reply to a drawn picture with /reverse"),
        ):
            sent = await group.send_text(command, reply_to=replied)
            answer = await group.wait_for(lambda m, sent=sent: m.reply_to == sent.id)  # type: ignore[misc]
            assert words in answer.text


@pytest.mark.parametrize(
    ("name", "mime_type", "form"),
    [
        ("me.jpg", "image/jpeg", "JPEG"),
        ("me.png", "image/png", "PNG"),
        ("me.webp", "image/webp", "WEBP"),
        ("me.heic", "image/heic", "HEIF"),
        ("me.HEIF", None, "HEIF"),
    ],
)
async def test_image_files_of_every_type_and_forwarded_ones(
    tg: FakeTelegram, tmp_path: Path, name: str, mime_type: str | None, form: str
) -> None:
    data, another = picture(form=form), picture(colour="red", form=form)
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_document(data, name, mime_type)
        await chat.wait_photo()
        sent = await chat.send_document(another, name, mime_type, forwarded_from=tg.user("Bob"))
        await chat.wait_for(lambda m: m.kind == "photo" and m.reply_to == sent.id)
        assert service.painter.photos == [data, another]


async def test_reverse_by_reply_and_by_caption(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        drawn = await chat.send_photo(picture(), caption="mine: /reverse", forwarded_from=tg.user("Bob"))
        assert (await chat.wait_photo()).reply_to == drawn.id
        await chat.send_text("/reverse", reply_to=drawn)
        answers = await chat.wait_answers(2, lambda m: m.kind == "photo")
        assert answers[1].reply_to == drawn.id
        await chat.send_text("/anime", reply_to=drawn)
        await chat.wait_answers(3, lambda m: m.kind == "photo")
        directions = [options.direction for options in service.painter.options]
        assert directions == [Direction.REVERSE, Direction.ANIME], "what was painted is not painted again"


async def test_edits_are_no_new_messages(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_photo(picture(), caption="me")
        await chat.wait_photo()
        await chat.edit(sent, "still me")
        await tg.wait_confirmed()
        await chat.send_text("/help")
        await chat.wait_for(lambda m: m.kind == "text" and "Accepted" in m.text)
        assert len(service.painter.photos) == 1
        assert len(chat.history) == len(chat.answers) + sum(m.deleted for m in chat.history)


async def test_anime_as_a_reply_sends_what_is_stored_once_more(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        sent = await chat.send_photo(picture())
        await chat.wait_photo()
        await chat.send_text("/anime", reply_to=sent)
        answers = await chat.wait_answers(2, lambda m: m.kind == "photo")
        assert [m.reply_to for m in answers] == [sent.id, sent.id]
        assert answers[1].picture == answers[0].picture
        assert len(service.painter.photos) == 1


@pytest.mark.parametrize(("code", "language"), [("ru", "ru"), ("zh-hans", "zh"), ("pt-br", "pt"), ("fi", "en")])
async def test_everybody_is_answered_in_their_language(
    tg: FakeTelegram, tmp_path: Path, code: str, language: str
) -> None:
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann", code))
        await chat.send_text("/start")
        assert (await chat.wait_answers(1))[0].text == Words.load().say(language, "start")
