"""The buttons under a result: the same photo painted otherwise, other forms of the picture, and deleting it."""

import io
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bots.requests import Delivery, Picture
from bots.side_by_side import side_by_side
from bots.sticker import MOST_BYTES, sticker
from bots.telegram.buttons import Buttons
from bots.telegram.door import TelegramDoor
from bots.telegram.reply import ReplyTo
from bots.telegram.results import parts
from bots.telegram.speech import Speech
from bots.words import Words
from inference import Crop, Direction, Options
from inference.errors import NoFace
from storage import Jobs, ObjectMissing, State, StorageError
from tests.bots.studio_parts import ENDED, reached
from tests.bots.telegram.parts import PAINTED, Running, running, telegram_settings
from tests.bots.telegram.pictures import opened, picture
from tests.fakes.telegram import Chat, FakeTelegram, Message


def labels(message: Message) -> list[str]:
    return [button["text"] for button in message.buttons]


async def delivered(service: Running, chat: Chat) -> tuple[Message, Message]:
    """A photo and its answer, once that is written down."""
    sent = await chat.send_photo(picture())
    answer = await chat.wait_photo()
    [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
    await reached(service.database, job.id, ENDED)
    return sent, answer


async def test_wider_and_closer_paint_the_stored_photo_again(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path) as service:
        sent, answer = await delivered(service, chat)
        assert labels(answer) == ["Wider", "Closer", "Side by side", "As a file", "Sticker", "Delete"]
        assert all(len(button["callback_data"]) <= 64 for button in answer.buttons)
    async with running(tg, tmp_path) as service:  # the button outlives a restart
        press = await chat.press(answer, "Wider")
        assert "text" not in await press.answer()
        _, wide = await chat.wait_answers(2, lambda m: m.kind == "photo")
        assert wide.reply_to == sent.id
        assert labels(wide)[0] == "Closer"
        await (await chat.press(wide, "Closer")).answer()
        await chat.wait_answers(3, lambda m: m.kind == "photo")
        assert [options.crop for options in service.painter.options] == [Crop.WIDE, Crop.DEFAULT]
        assert len({*service.painter.photos}) == 1
        assert tg.count("getFile") == 1, "nothing was downloaded again"
        assert all(m.kind == "photo" for m in chat.answers)


async def test_the_same_press_twice_paints_once(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        _, answer = await delivered(service, chat)
        for button, count in (("Closer", 2), ("As a file", 3)):
            press = await chat.press(answer, button)
            tg.world.publish("callback_query", tg.world.updates.pending[-1]["callback_query"])
            await press.answer()
            await tg.wait_confirmed()
            await chat.wait_until(lambda count=count: len(chat.answers) == count)  # type: ignore[misc]
        assert len(service.painter.photos) == 2


async def test_a_photo_that_is_wiped_can_not_be_painted_again(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        _, answer = await delivered(service, chat)
        [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
        await service.store.delete([*job.inputs, *job.results])
        await service.database.jobs.inputs_wiped([job.id])
        said = await (await chat.press(answer, "Wider")).answer()
        assert "deleted already" in said["text"]
        assert said["show_alert"]
        for button in ("Side by side", "As a file"):
            said = await (await chat.press(answer, button)).answer()
            assert "no longer here" in said["text"]
        await service.database.jobs.remove([job.id])
        assert "no longer works" in (await (await chat.press(answer, "Wider")).answer())["text"]
        assert chat.answers == [answer]


async def test_a_quota_holds_for_buttons_too(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, limits_minute=1) as service:
        chat = tg.private_chat(tg.user("Ann"))
        _, answer = await delivered(service, chat)
        said = await (await chat.press(answer, "Wider")).answer()
        assert "short break" in said["text"]
        assert len(service.painter.photos) == 1


async def test_side_by_side_and_the_file_come_as_replies(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        _, answer = await delivered(service, chat)
        await (await chat.press(answer, "As a file")).answer()
        file = await chat.wait_for(lambda m: m.kind == "document")
        assert (file.picture, file.reply_to) == (PAINTED[0], answer.id)
        await (await chat.press(answer, "Side by side")).answer()
        both = (await chat.wait_answers(2, lambda m: m.kind == "photo"))[1]
        assert both.reply_to == answer.id
        with Image.open(io.BytesIO(both.picture)) as image:
            assert image.size == (512, 256)


async def test_the_next_face_goes_round_and_back_to_all(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, limits_minute=9) as service:
        service.painter.faces = service.painter.found = 3
        chat = tg.private_chat(tg.user("Ann"))
        await delivered(service, chat)
        shown = await chat.wait_for(lambda m: m.kind == "text" and m.buttons)
        assert "All 3 faces" not in labels(shown), "they are all there"
        service.painter.faces = 1
        for count in range(4, 8):
            await (await chat.press(shown, "Next face")).answer()
            shown = (await chat.wait_answers(count, lambda m: m.kind == "photo"))[-1]
            assert shown.text == "Here you are: 1 of the 3 faces I found."
            assert "All 3 faces" in labels(shown)
        assert [options.face for options in service.painter.options] == [None, 0, 1, 2, 0]
        await (await chat.press(shown, "All 3 faces")).answer()
        await chat.wait_answers(8, lambda m: m.kind == "photo")
        assert service.painter.options[-1] == Options()


async def test_without_a_face_the_whole_picture_is_offered(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path) as service:
        service.painter.error = NoFace("nobody")
        sent = await chat.send_photo(picture(), caption="/reverse")
        told = await chat.wait_for(lambda m: "can't find a face" in m.text)
        assert labels(told) == ["Paint the whole picture"]
    async with running(tg, tmp_path) as service:  # the button outlives a restart
        await (await chat.press(told, "Paint the whole picture")).answer()
        answer = await chat.wait_photo()
        assert answer.reply_to == sent.id
        assert service.painter.options == [Options(whole=True, direction=Direction.REVERSE)]
        assert labels(answer) == ["Side by side", "As a file", "Sticker", "Delete"]


async def test_a_sticker_of_the_result(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        _, answer = await delivered(service, chat)
        await (await chat.press(answer, "Sticker")).answer()
        sent = await chat.wait_for(lambda m: m.kind == "sticker")
        assert sent.reply_to == answer.id
        assert opened(sent.picture).size == (512, 512)


async def test_stickers_of_several_faces_come_in_order(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.faces = 2
        chat = tg.private_chat(tg.user("Ann"))
        await delivered(service, chat)
        below = await chat.wait_for(lambda m: m.kind == "text" and m.buttons)
        await (await chat.press(below, "Sticker")).answer()
        stickers = await chat.wait_answers(2, lambda m: m.kind == "sticker")
        reds = [opened(m.picture).convert("RGB").getpixel((5, 5)) for m in stickers]
        assert reds[0][0] > 200 > 60 > reds[1][0]  # type: ignore[index]


async def test_delete_removes_the_message_and_the_objects(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        _, answer = await delivered(service, chat)
        [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
        assert (await (await chat.press(answer, "Delete")).answer())["text"] == "Deleted."
        assert chat.answers == []
        for key in (*job.inputs, *job.results):
            with pytest.raises(ObjectMissing):
                await service.store.get(key)


async def test_deleting_one_picture_keeps_the_photo_for_another(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        _, answer = await delivered(service, chat)
        service.painter.hold.clear()
        await (await chat.press(answer, "Wider")).answer()
        await chat.wait_answers(2)
        await (await chat.press(answer, "Delete")).answer()
        service.painter.hold.set()
        wide = await chat.wait_photo()
        assert "Closer" in labels(wide)


async def test_a_message_too_old_to_delete(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        _, answer = await delivered(service, chat)
        tg.fail("deleteMessage", 400, "Bad Request: message can't be deleted for everyone")
        said = await (await chat.press(answer, "Delete")).answer()
        assert "delete it yourself" in said["text"]
        [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
        assert (job.results, job.inputs) == ((), ())


async def test_an_album_has_its_buttons_below_it(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path) as service:
        service.painter.faces = 2
        await delivered(service, chat)
        below = await chat.wait_for(lambda m: m.kind == "text" and m.buttons)
    async with running(tg, tmp_path):
        await (await chat.press(below, "As a file")).answer()
        files = await chat.wait_answers(2, lambda m: m.kind == "document")
        assert [m.picture for m in files] == [*PAINTED[:2]]
        await (await chat.press(below, "Delete")).answer()
        assert chat.answers == files


async def test_an_album_is_sent_once_whatever_becomes_of_its_buttons(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.faces = 2
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await chat.wait_answers(1)
        tg.fail("sendMessage", 400, "Bad Request: not this time")
        service.painter.hold.set()
        await chat.wait_answers(2, lambda m: m.kind == "photo")
        [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
        done = await reached(service.database, job.id, ENDED)
        assert done.state is State.DELIVERED
        speech = Speech(Words.load(), telegram_settings(tg, tmp_path))
        studio = service.studio
        door = TelegramDoor(service.runner.bot, speech, Buttons(speech, studio), studio.remember, studio.allowances)
        await door.deliver(done, Delivery(await service.studio.pictures(done), 2))  # as after a crash
        assert len([m for m in chat.history if m.kind == "photo"]) == 2


async def test_an_album_that_can_not_be_noted_is_sent_once(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember = Jobs.remember

    async def no_room(jobs: Jobs, job_id: str, reply: str) -> None:
        if ReplyTo.from_json(reply).shown:
            raise StorageError("disk_full", "No space left for the database")
        await remember(jobs, job_id, reply)

    monkeypatch.setattr(Jobs, "remember", no_room)
    chat = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path) as service:
        service.painter.faces = 2
        await delivered(service, chat)
        assert len([m for m in chat.history if m.kind == "photo"]) == 2
        assert "Wider" in labels(await chat.wait_for(lambda m: m.kind == "text"))


@pytest.mark.parametrize(("quiet", "said"), [(False, ["Send again"]), (True, [])])
async def test_what_may_have_been_sent_before_a_crash_is_offered_to_who_asked(
    tg: FakeTelegram, tmp_path: Path, quiet: bool, said: list[str]
) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        _, answer = await delivered(service, chat)
        [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
        begun = replace(ReplyTo.from_json(job.reply), files=(), sending=True, quiet=quiet)
        speech = Speech(Words.load(), telegram_settings(tg, tmp_path))
        studio = service.studio
        door = TelegramDoor(service.runner.bot, speech, Buttons(speech, studio), studio.remember, studio.allowances)
        await door.deliver(replace(job, reply=begun.to_json()), Delivery(await service.studio.pictures(job), 1))
        assert [labels(message) for message in chat.answers[1:]] == ([said] if said else [])
        assert chat.answers[0] == answer


async def test_strangers_press_in_vain(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        owner, ann, eve = tg.user("Owner"), tg.user("Ann"), tg.user("Eve")
        group = tg.group("Friends", owner, ann, eve)
        await group.send_photo(picture(), caption="/anime", by=ann)
        answer = await group.wait_photo()
        for button in labels(answer):
            assert "Only the person" in (await (await group.press(answer, button, by=eve)).answer())["text"]
        assert len(service.painter.photos) == 1
        assert group.answers == [answer]
        await (await group.press(answer, "Delete", by=owner)).answer()
        assert group.answers == []


@pytest.mark.parametrize("count", range(2, 61))
def test_many_pictures_are_as_few_albums_as_can_be(count: int) -> None:
    lengths = [len(part) for part in parts(range(count))]
    assert sum(lengths) == count
    assert len(lengths) == math.ceil(count / 10)
    assert all(2 <= length <= 10 for length in lengths)


def test_a_sticker_is_what_telegram_takes_even_of_noise() -> None:
    noise = Image.frombytes("RGB", (256, 256), random.Random(1).randbytes(3 * 256 * 256))
    out = io.BytesIO()
    noise.save(out, "PNG")
    made = sticker(Picture(png=out.getvalue(), original=b""))
    assert len(made) <= MOST_BYTES
    with Image.open(io.BytesIO(made)) as image:
        assert (image.format, image.size, image.mode, image.info.get("exif")) == ("WEBP", (512, 512), "RGB", None)


def test_the_crop_stands_left_of_the_picture() -> None:
    both = side_by_side(Picture(png=picture(64, 64, "red", "PNG"), original=picture(32, 32, "blue")))
    with Image.open(io.BytesIO(both)) as image:
        assert image.size == (128, 64)
        assert image.getpixel((5, 5))[2] > 200  # type: ignore[index]
        assert image.getpixel((69, 5)) == (255, 0, 0)


async def test_an_unforeseen_error_answers_the_press(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        _, answer = await delivered(service, chat)
        monkeypatch.setattr(service.studio, "discard", broken)
        said = await (await chat.press(answer, "Delete")).answer()
        assert "Something went wrong" in said["text"]
        assert said["text"].split("Reference ")[1].rstrip(")") in capsys.readouterr().out
