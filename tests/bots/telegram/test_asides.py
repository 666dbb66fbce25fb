"""Answers that nothing waits for: no chat makes the bot deaf for others, and the same words come once."""

import asyncio
from pathlib import Path

import pytest
from telegram import InlineKeyboardMarkup, Message
from telegram.error import BadRequest, RetryAfter, TimedOut

from bots.requests import Undeliverable
from bots.telegram import asides, backoff, polling
from bots.telegram.asides import Asides
from bots.telegram.polling import MOST
from bots.telegram.reply import ReplyTo
from tests.bots.telegram.parts import running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram

ANN, BOB = ReplyTo(1, 10), ReplyTo(2, 20)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "GLANCE", 0.02)
    monkeypatch.setattr(backoff, "FIRST", 0.02)


class Sheet:
    """A message of the bot that turns into other words."""

    chat_id, message_id = 1, 7

    def __init__(self, sender: "Sender") -> None:
        self._sender = sender

    async def edit_text(self, text: str, reply_markup: InlineKeyboardMarkup | None) -> None:
        await self._sender.say(ReplyTo(self.chat_id, None), text, reply_markup)


class Sender:
    """Sends when it is `open`; `failing` words are not taken."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.failing: dict[str, Exception] = {}
        self.sent: list[tuple[int, int | None, str]] = []

    async def say(self, to: ReplyTo, text: str, buttons: InlineKeyboardMarkup | None) -> None:
        await self.open.wait()
        if text in self.failing:
            raise self.failing[text]
        self.sent.append((to.chat_id, to.message_id, text))


async def test_the_same_words_wait_once_and_each_message_is_answered_once() -> None:
    sender = Sender()
    told = Asides(sender.say)
    for number in range(3):
        told.say(ReplyTo(1, number), "hint", "ann")
        told.say(BOB, "hint", "bob")
        told.answer(ReplyTo(1, number % 2), f"no, in {9 - number} s")
    await asyncio.sleep(0)  # the first ones are being sent, and wait no less
    told.say(ANN, "hint", "ann")
    sender.open.set()
    await told.close(10)
    assert [sent for sent in sender.sent if sent[0] == 1] == [
        (1, 0, "hint"),
        (1, 0, "no, in 9 s"),
        (1, 1, "no, in 8 s"),
    ]
    assert [sent for sent in sender.sent if sent[0] == 2] == [(2, 20, "hint")]
    told.say(ANN, "hint", "ann")
    await told.close(10)
    assert sender.sent[-1] == (1, 10, "hint"), "said once more, later"


async def test_one_that_fails_holds_up_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    sender = Sender()
    sender.open.set()
    sender.failing = {"a": Undeliverable("blocked"), "b": RetryAfter(7_200), "c": RuntimeError("a mistake")}
    told = Asides(sender.say)
    for text in "abcd":
        told.say(ANN, text, "ann")
    await told.close(10)
    assert [text for _, _, text in sender.sent] == ["d"]
    said = capsys.readouterr().out
    assert all(words in said for words in ("blocked", "Flood control", "a mistake"))


async def test_of_what_a_message_is_to_show_only_the_latest_is_shown() -> None:
    sender = Sender()
    sheet: Message = Sheet(sender)  # type: ignore[assignment]
    sender.failing = {"3": BadRequest("Message is not modified")}
    told = Asides(sender.say)
    for text in "012":
        told.show(sheet, text)
    await asyncio.sleep(0)  # the latest is being shown
    for text in "345":
        told.show(sheet, text)
    told.say(ANN, "hint", "ann")
    sender.open.set()
    await told.close(10)
    assert [text for _, _, text in sender.sent] == ["2", "hint", "5"]
    told.show(sheet, "3")
    await asyncio.sleep(0)
    told.show(sheet, "6")
    await told.close(10)
    assert sender.sent[-1] == (1, None, "6")


async def test_only_so_many_wait_and_what_is_left_at_the_end_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asides, "MOST", 3)
    sender = Sender()
    told = Asides(sender.say)
    for number in range(9):
        told.answer(ReplyTo(1, number), "no")
    sender.open.set()
    await told.close(10)
    assert [number for _, number, _ in sender.sent] == [0, 1, 2]
    sender.open.clear()
    told.say(BOB, "hint", "bob")
    await told.close(0.01)
    sender.open.set()
    await told.close(10)
    assert len(sender.sent) == 3


@pytest.mark.parametrize(("text", "private"), [("look", True), ("/settings", True), ("/anime", False)])
async def test_one_chat_full_of_messages_holds_up_nobody(
    tg: FakeTelegram, tmp_path: Path, text: str, private: bool
) -> None:
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        ann, bob = tg.user("Ann"), tg.private_chat(tg.user("Bob"))
        chat = tg.private_chat(ann) if private else tg.group("Friends", ann)
        with tg.hold("sendMessage"):  # as when a chat has had its messages of this minute
            for _ in range(MOST):
                await chat.send_text(text)
            await bob.send_photo(picture())
            await tg.wait_confirmed()
        await bob.wait_photo()
        await chat.wait_answers(1)
    assert len(chat.answers) == 1


async def test_in_a_group_each_who_asks_is_answered(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        people = [tg.user(name) for name in ("Ann", "Bob", "Cid")]
        group = tg.group("Friends", *people)
        with tg.hold("sendMessage"):
            asked = [await group.send_text("/forgetme", by=person) for person in people]
            await group.send_text("/forgetme", by=people[0])
            await tg.wait_confirmed()
        answers = await group.wait_answers(3)
    assert [m.reply_to for m in answers] == [m.id for m in asked]
    assert len(group.answers) == 3


@pytest.mark.parametrize("private", [True, False])
async def test_presses_under_settings_hold_up_nobody_and_the_latest_is_shown(
    tg: FakeTelegram, tmp_path: Path, private: bool
) -> None:
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        ann, bob = tg.user("Ann"), tg.private_chat(tg.user("Bob"))
        chat = tg.private_chat(ann) if private else tg.group("Friends", ann)
        await chat.send_text("/settings")
        asked = await chat.wait_for(lambda m: m.buttons)
        with tg.hold("editMessageText"):
            presses = [await chat.press(asked, ("Closer", "Wider")[n % 2]) for n in range(MOST // 4)]
            for press in presses:
                assert "text" not in await press.answer()
            last = await chat.press(asked, "Largest only")
            await last.answer()
            await bob.send_text("/help")
            await bob.wait_answers(1)
        await chat.wait_until(lambda: "✓ Largest only" in [button["text"] for button in asked.buttons])
    assert tg.count("editMessageText") == 2


async def test_each_photo_that_is_refused_is_told_so(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, limits_minute=1) as service:
        await service.runner.connected.wait()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await chat.wait_photo()
        with tg.hold("sendMessage"):
            refused = [await chat.send_photo(picture(300 + number)) for number in range(MOST // 4)]
            tg.repeat(refused[0])
            await tg.wait_confirmed()
        answers = await chat.wait_answers(len(refused), lambda m: "short break" in m.text)
    assert sorted(m.reply_to or 0 for m in answers) == [m.id for m in refused]
    assert len(chat.answers) == 1 + len(refused)


@pytest.mark.parametrize("hiccups", [1, 4])
async def test_a_hiccup_of_telegram_loses_no_answer(tg: FakeTelegram, tmp_path: Path, hiccups: int) -> None:
    async with running(tg, tmp_path, limits_hour=1) as service:
        await service.runner.connected.wait()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await chat.wait_photo()
        tg.fail("sendMessage", 502, "Bad Gateway", times=hiccups)
        await chat.send_photo(picture(300))
        await chat.wait_for(lambda m: "short break" in m.text)
        await chat.send_text("/forgetme")
        asked = await chat.wait_for(lambda m: "Shall I delete" in m.text)
        tg.break_connection("editMessageText", times=hiccups)
        await (await chat.press(asked, "Yes, delete everything")).answer()
        await chat.wait_until(lambda: "Done" in asked.text)
    assert asked.buttons == []


async def test_what_telegram_asks_to_wait_for_is_waited_for() -> None:
    sender = Sender()
    sender.open.set()
    sender.failing = {"hint": RetryAfter(0)}
    told = Asides(sender.say)
    told.say(ANN, "hint", "ann")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    sender.failing.clear()
    await told.close(10)
    assert sender.sent == [(1, 10, "hint")]


async def test_what_fails_again_and_again_is_given_up() -> None:
    sender = Sender()
    sender.open.set()
    sender.failing = {"a": TimedOut(), "b": RetryAfter(0)}
    told = Asides(sender.say)
    for text in "abc":
        told.say(ANN, text, "ann")
    await told.close(10)
    assert sender.sent == [(1, 10, "c")]
