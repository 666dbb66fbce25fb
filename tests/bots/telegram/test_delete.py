"""Presses that take messages away: no flooded chat makes the bot deaf for others, and no hiccup leaves one behind."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from bots.telegram import backoff, polling, runner, spinner
from storage import State
from tests.bots.telegram.parts import running
from tests.bots.telegram.pictures import picture
from tests.bots.telegram.test_forms import nothing_kept, painted
from tests.fakes.telegram import FakeTelegram


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST", 0.02)
    monkeypatch.setattr(polling, "GLANCE", 0.02)
    monkeypatch.setattr(polling, "BUSY", 0)
    monkeypatch.setattr(spinner, "SPIN", 0.05)


@pytest.mark.parametrize("button", ["Delete", "Cancel"])
async def test_a_flooded_chat_holds_up_nobody(tg: FakeTelegram, tmp_path: Path, button: str) -> None:
    async with running(tg, tmp_path) as service:
        ann, bob = tg.private_chat(tg.user("Ann")), tg.private_chat(tg.user("Bob"))
        shown = await painted(service, ann)
        if button == "Cancel":
            service.painter.hold.clear()
            await ann.send_photo(picture(300))
            shown = await ann.wait_for(lambda m: "Painting" in m.text)
            [job] = await service.database.jobs.unfinished()
            await service.database.jobs.advance(job.id, State.CANCELLED)  # and there the service died
        with tg.hold("deleteMessage"):  # as when the chat is to be left alone for a while
            presses = [await ann.press(shown, button) for _ in range(2)]
            assert (await presses[0].answer())["text"] == ("Deleted." if button == "Delete" else "Cancelled.")
            await presses[1].answer()
            await bob.send_text("/help")
            await bob.wait_answers(1)
            assert not shown.deleted
        await ann.wait_until(lambda: shown.deleted)
        await nothing_kept(service)
        service.painter.hold.set()


async def test_a_hiccup_leaves_no_message_behind(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        ann = tg.private_chat(tg.user("Ann"))
        answer = await painted(service, ann)
        tg.fail("deleteMessage", 502, "Bad Gateway", times=2)
        await ann.press(answer, "Delete")
        await ann.wait_until(lambda: answer.deleted)
        await nothing_kept(service)
    assert ann.answers == []


async def test_what_turns_out_later_is_a_reply(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        ann = tg.private_chat(tg.user("Ann"))
        answer = await painted(service, ann)
        tg.fail("deleteMessage", 400, "Bad Request: message can't be deleted for everyone")
        with tg.hold("deleteMessage"):
            assert (await (await ann.press(answer, "Delete")).answer())["text"] == "Deleted."
        told = await ann.wait_for(lambda m: "delete it yourself" in m.text)
    assert told.reply_to == answer.id


async def test_a_delete_that_waits_outlives_a_restart(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LAST_WORDS", 0.0)
    ann = tg.private_chat(tg.user("Ann"))
    with ExitStack() as trouble:
        async with running(tg, tmp_path) as service:
            answer = await painted(service, ann)
            trouble.enter_context(tg.hold("deleteMessage"))
            await (await ann.press(answer, "Delete")).answer()
            await tg.wait_confirmed()
    assert not answer.deleted
    async with running(tg, tmp_path):
        await ann.wait_until(lambda: answer.deleted)
