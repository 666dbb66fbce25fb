"""Presses for another form of a picture: in their chat one after another, and nobody else waits for them."""

import asyncio
from pathlib import Path

import pytest

from bots.telegram import forms, polling, runner, spinner
from bots.telegram.polling import MOST
from bots.telegram.reply import ReplyTo
from storage import StorageError
from tests.bots.telegram.parts import Running, running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import Chat, FakeTelegram, Message


@pytest.fixture(autouse=True)
def _quick_glances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "GLANCE", 0.02)


async def painted(service: Running, chat: Chat) -> Message:
    await service.runner.connected.wait()
    await chat.send_photo(picture(), caption="/anime")
    return await chat.wait_photo()


async def begun(service: Running, chat: Chat) -> None:
    """Wait until it is noted that something is being sent for a press."""
    async with asyncio.timeout(20):
        while True:
            [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
            if ReplyTo.from_json(job.reply).pressed:
                return
            await asyncio.sleep(0.01)


def kinds(chat: Chat) -> list[str]:
    return [message.kind for message in chat.answers]


async def nothing_kept(service: Running) -> None:
    """Wait until no press is written down. The database tells nobody, so it is asked."""
    async with asyncio.timeout(20):
        while await service.database.arrivals.of("telegram"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("private", [True, False])
async def test_many_presses_of_one_button_hold_up_nobody_and_send_once(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private: bool
) -> None:
    monkeypatch.setattr(polling, "BUSY", 0)
    async with running(tg, tmp_path) as service:
        ann, bob = tg.user("Ann"), tg.private_chat(tg.user("Bob"))
        chat = tg.private_chat(ann) if private else tg.group("Friends", ann)
        answer = await painted(service, chat)
        with tg.hold("sendDocument"):  # as when a chat has had its messages of this minute
            first, *others = [await chat.press(answer, "As a file") for _ in range(MOST // 4)]
            await bob.send_text("/help")
            await bob.wait_answers(1)
            for press in others:
                assert "text" not in await press.answer()
        assert "text" not in await first.answer()
        await nothing_kept(service)
        assert kinds(chat) == ["photo", "document"]
        await (await chat.press(answer, "As a file")).answer()
        await chat.wait_answers(2, lambda m: m.kind == "document")


async def test_one_after_another_is_sent_and_only_so_many_wait(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "MOST", 2)
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        answer = await painted(service, chat)
        with tg.hold("sendDocument"):
            await chat.press(answer, "As a file")
            await begun(service, chat)
            await chat.press(answer, "Sticker")
            await tg.wait_confirmed()
            said = await (await chat.press(answer, "Side by side")).answer()
            assert "Too many people" in said["text"]
            assert said["show_alert"]
            assert kinds(chat) == ["photo"]
        await chat.wait_answers(3)
        assert kinds(chat) == ["photo", "document", "sticker"]


async def test_a_button_does_not_turn_for_long_and_what_goes_wrong_later_is_a_reply(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spinner, "SPIN", 0.05)
    async with running(tg, tmp_path) as service:
        group = tg.group("No files", tg.user("Ann"))
        answer = await painted(service, group)
        with tg.hold("sendDocument"):
            assert "text" not in await (await group.press(answer, "As a file")).answer()
            group.state.forbids.add("documents")
        told = await group.wait_for(lambda m: m.text == "This group does not let me send that.")
        assert told.reply_to == answer.id
        await nothing_kept(service)
    assert tg.count("answerCallbackQuery") == 1


@pytest.mark.parametrize("sending", [True, False])
async def test_a_press_that_waits_outlives_a_restart(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sending: bool
) -> None:
    monkeypatch.setattr(runner, "LAST_WORDS", 0.1)
    chat = tg.private_chat(tg.user("Ann"))
    with tg.hold("sendSticker"):
        async with running(tg, tmp_path) as service:
            answer = await painted(service, chat)
            press = await chat.press(answer, "Sticker")
            await begun(service, chat)
            if not sending:
                press = await chat.press(answer, "As a file")
            await tg.wait_confirmed()
        async with running(tg, tmp_path) as service:
            text = (await press.answer()).get("text", "")
            assert ("press again" in text) is sending
            await nothing_kept(service)
    assert kinds(chat).count("document") == (0 if sending else 1)


async def test_a_press_that_can_not_be_kept_is_carried_out(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*values: object) -> None:
        raise StorageError("disk_full", "no space left")

    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        answer = await painted(service, chat)
        monkeypatch.setattr(service.database.arrivals, "add", full)
        await (await chat.press(answer, "As a file")).answer()
        assert kinds(chat) == ["photo", "document"]


@pytest.mark.parametrize("late", [True, False])
async def test_what_fails_is_told_while_the_button_turns_and_after(
    tg: FakeTelegram,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    late: bool,
) -> None:
    monkeypatch.setattr(spinner, "SPIN", 0.05 if late else 5.0)
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        answer = await painted(service, chat)
        tg.fail("sendDocument", 500, "Internal Server Error")
        with tg.hold("sendDocument"):
            press = await chat.press(answer, "As a file")
            if late:
                assert "text" not in await press.answer()
        if late:
            words = (await chat.wait_for(lambda m: m.reply_to == answer.id)).text
        else:
            said = await press.answer()
            words = said["text"]
            assert said["show_alert"]
        assert words.startswith("Something went wrong")
        assert words.split("Reference ")[1].rstrip(")") in capsys.readouterr().out
        await nothing_kept(service)
        await (await chat.press(answer, "As a file")).answer()
        await chat.wait_for(lambda m: m.kind == "document")
