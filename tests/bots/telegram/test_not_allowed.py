"""Groups whose admins allow no photos, or no stickers: the answer takes another form, or is a word about it."""

from pathlib import Path

import pytest

from bots.telegram.buttons import Action
from storage import State
from tests.bots.studio_parts import ENDED, reached
from tests.bots.telegram.parts import PAINTED, running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram


@pytest.mark.parametrize("faces", [1, 2])
async def test_where_photos_are_forbidden_the_picture_comes_as_a_file(
    tg: FakeTelegram, tmp_path: Path, faces: int
) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.faces = faces
        group = tg.group("Words only", tg.user("Ann"))
        group.state.forbids.add("photos")
        await group.send_photo(picture(), caption="/anime")
        files = await group.wait_answers(faces, lambda m: m.kind == "document")
        assert [m.picture for m in files] == [*PAINTED[:faces]]


@pytest.mark.parametrize("faces", [1, 2])
async def test_where_no_pictures_are_allowed_a_sentence_says_so(tg: FakeTelegram, tmp_path: Path, faces: int) -> None:
    async with running(tg, tmp_path) as service:
        service.painter.faces = faces
        service.painter.hold.clear()
        group = tg.group("Words only", tg.user("Ann"))
        sent = await group.send_photo(picture(), caption="/anime")
        await group.wait_answers(1)  # where it stands
        group.state.forbids.update(("photos", "documents"))
        service.painter.hold.set()
        told = await group.wait_for(lambda m: "neither photos nor files" in m.text)
        assert told.reply_to == sent.id
        [job] = await service.database.jobs.of(f"telegram:{group.user.id}")
        ended = await reached(service.database, job.id, ENDED)
        assert (ended.state, ended.code) == (State.FAILED, "undeliverable")
        assert group.answers == [told]


@pytest.mark.parametrize(
    ("code", "description"),
    [
        (400, "Bad Request: not enough rights to send {kind}s to the chat"),
        (400, "Bad Request: CHAT_SEND_{KIND}S_FORBIDDEN"),
        (403, "Forbidden: CHAT_SEND_{KIND}S_FORBIDDEN"),
    ],
)
@pytest.mark.parametrize(
    ("button", "method", "kind"), [(Action.STICKER, "sendSticker", "sticker"), (Action.FILE, "sendDocument", "doc")]
)
async def test_a_press_for_what_is_forbidden_is_told_so(
    tg: FakeTelegram, tmp_path: Path, button: str, method: str, kind: str, code: int, description: str
) -> None:
    async with running(tg, tmp_path):
        group = tg.group("No stickers", tg.user("Ann"))
        await group.send_photo(picture(), caption="/anime")
        answer = await group.wait_photo()
        tg.fail(method, code, description.format(kind=kind, KIND=kind.upper()))
        data = next(b["callback_data"] for b in answer.buttons if b["callback_data"].startswith(f"{button}:"))
        said = await (await group.press(answer, data)).answer()
        assert said["text"] == "This group does not let me send that."
        assert said["show_alert"]
        assert group.answers == [answer]


@pytest.mark.parametrize(
    ("code", "description"),
    [
        (400, "Bad Request: not enough rights to send text messages to the chat"),
        (400, "Bad Request: CHAT_SEND_PLAIN_FORBIDDEN"),
        (403, "Forbidden: CHAT_WRITE_FORBIDDEN"),
    ],
)
async def test_where_no_words_are_allowed_nothing_is_insisted_on(
    tg: FakeTelegram, tmp_path: Path, code: int, description: str
) -> None:
    async with running(tg, tmp_path):
        group = tg.group("Pictures only", tg.user("Ann"))
        tg.fail("sendMessage", code, description, times=9)
        await group.send_text("/anime")
        await tg.wait_confirmed()
        await group.send_photo(picture(), caption="/anime")
        assert await group.wait_photo() in group.answers
        assert tg.count("sendMessage") <= 2, "the hint, and where it stands"
