"""/broadcast: asked first, sent once to everybody who wrote, gone on with after a crash, reported."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from bots.telegram import backoff
from storage.broadcasts import Receipt
from tests.bots.telegram.parts import Running, running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import Chat, FakeTelegram, Message, User

BOSS = User(7_000_001, "Boss")
ADMINS = f"telegram:{BOSS.id}"
HELLO = "Hello, everybody"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST", 0.02)


async def people(tg: FakeTelegram, service: Running, count: int) -> list[Chat]:
    """So many who have written to the bot."""
    chats = [tg.private_chat(tg.user(f"Ann {n}")) for n in range(count)]
    for chat in chats:
        await chat.send_text("/start")
        await chat.wait_answers(1)
    await tg.wait_confirmed()
    return chats


async def ask(boss: Chat, text: str = f"/broadcast {HELLO}", reply_to: Message | None = None) -> Message:
    sent = await boss.send_text(text, reply_to=reply_to)
    return await boss.wait_for(lambda m: m.reply_to == sent.id)


def got(chats: list[Chat], text: str = HELLO) -> list[int]:
    """How often each of them was told."""
    return [sum(m.text == text for m in chat.history) for chat in chats]


async def test_everybody_gets_it_once_and_the_report_counts(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=ADMINS) as service:
        boss, chats = tg.private_chat(BOSS), await people(tg, service, 4)
        await chats[3].block()
        await tg.wait_confirmed()
        tg.fail("sendMessage", 403, "Forbidden: user is deactivated", chat=chats[2])
        asked = await ask(boss)
        assert asked.text == "Shall I send this to 3 people?"
        assert got(chats) == [0, 0, 0, 0]
        for _ in range(2):  # a second press changes nothing
            await (await boss.press(asked, asked.buttons[0]["callback_data"])).answer()
        await boss.wait_until(lambda: asked.text.startswith("Done."))
        assert "Sent to 2 people. They have blocked me: 1. Failed: 0." in asked.text
        assert asked.buttons == []
        assert got(chats) == [1, 1, 0, 0]
        assert "1 of 3" in " ".join(asked.texts) or "0 of 3" in " ".join(asked.texts)
        assert (await ask(boss)).text == "Shall I send this to 2 people?", "who blocked is not asked again"
        assert await service.database.broadcasts.begun() == []


async def test_a_message_replied_to_goes_out_as_it_is(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=ADMINS) as service:
        boss, chats = tg.private_chat(BOSS), await people(tg, service, 1)
        photo = await boss.send_photo(picture(), caption="New!")
        await boss.wait_photo()
        asked = await ask(boss, "/broadcast", photo)
        await (await boss.press(asked, "Send it")).answer()
        came = await chats[0].wait_photo()
        assert came.text == "New!"
        await boss.wait_until(lambda: "Sent to 1 person" in asked.text)


async def test_how_to_and_nobody_there(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=ADMINS) as service:
        boss = tg.private_chat(BOSS)
        assert (await ask(boss)).text == "Nobody else has written to me yet."
        await people(tg, service, 1)
        assert "Write the message after the command" in (await ask(boss, "/broadcast")).text


async def test_not_sending_and_strangers(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=ADMINS) as service:
        boss, chats = tg.private_chat(BOSS), await people(tg, service, 2)
        asked = await ask(boss)
        await (await boss.press(asked, "Don't send")).answer()
        assert asked.text == "All right, nothing is sent."
        stranger = await chats[0].send_text(f"/broadcast {HELLO}")
        told = await chats[0].wait_for(lambda m: m.reply_to == stranger.id)
        assert told.text == "Send me a photo with a face in it, please."
        asked = await ask(boss)
        said = await (await boss.press(asked, "Send it", by=chats[0].user)).answer()
        assert "no longer works" in said["text"]
        assert got(chats) == [0, 0]


async def test_a_crash_in_between_leaves_nobody_with_two(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=ADMINS) as service:
        boss, chats = tg.private_chat(BOSS), await people(tg, service, 3)
        asked = await ask(boss)
        broadcasts = service.database.broadcasts
        [broadcast] = {button["callback_data"].split(":")[1] for button in asked.buttons}
        note = {"chat": boss.id, "message": asked.id, "language": "en"}
        await broadcasts.start(broadcast, "telegram", ADMINS, json.dumps(note))
        first, second = await broadcasts.take(broadcast), await broadcasts.take(broadcast)
        assert first is not None
        await broadcasts.settle(broadcast, first, Receipt.SENT)  # the next was just being sent to: there it died
    async with running(tg, tmp_path, admins=ADMINS):
        await boss.wait_until(lambda: asked.text.startswith("Done."))
        assert "Sent to 2 people" in asked.text
        assert asked.text.endswith("restarted meanwhile: 1.")
        known = {first, second}
        assert got(chats) == [0 if f"telegram:{chat.id}" in known else 1 for chat in chats]


async def test_a_stop_of_the_service_is_gone_on_from(tg: FakeTelegram, tmp_path: Path) -> None:
    with ExitStack() as held:
        async with running(tg, tmp_path, admins=ADMINS) as service:
            boss, chats = tg.private_chat(BOSS), await people(tg, service, 3)
            asked = await ask(boss)
            held.enter_context(tg.hold("sendMessage"))
            await (await boss.press(asked, "Send it")).answer()
            await boss.wait_until(lambda: "of 3" in asked.text)
    async with running(tg, tmp_path, admins=ADMINS):
        await boss.wait_until(lambda: asked.text.startswith("Done."))
        assert sum(got(chats)) >= 2
        assert max(got(chats)) == 1


async def test_stopping_it(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=ADMINS) as service:
        boss, chats = tg.private_chat(BOSS), await people(tg, service, 3)
        asked = await ask(boss)
        with tg.hold("sendMessage"):
            await (await boss.press(asked, "Send it")).answer()
            await boss.wait_until(lambda: "of 3" in asked.text)
            await (await boss.press(asked, "Stop")).answer()
        await boss.wait_until(lambda: asked.text.startswith("Stopped."))
        assert "Sent to 1 person, not sent: 2." in asked.text
        assert sum(got(chats)) == 1


async def test_an_outage_costs_one_receiver_and_not_all(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=ADMINS) as service:
        boss, chats = tg.private_chat(BOSS), await people(tg, service, 3)
        asked = await ask(boss)
        tg.break_connection("sendMessage", late=True)  # it arrived, and its answer did not
        tg.fail("getMe", 502, "Bad Gateway", times=2)
        await (await boss.press(asked, "Send it")).answer()
        await boss.wait_until(lambda: asked.text.startswith("Done."))
        assert "Sent to 2 people" in asked.text
        assert got(chats) == [1, 1, 1]


async def test_who_is_forgotten_gets_nothing(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=ADMINS) as service:
        boss, chats = tg.private_chat(BOSS), await people(tg, service, 2)
        await service.studio.forget(f"telegram:{chats[0].id}")
        assert (await ask(boss)).text == "Shall I send this to 1 person?"
        await chats[0].send_text("/start")
        await chats[0].wait_answers(2)
        await tg.wait_confirmed()
        assert (await ask(boss)).text == "Shall I send this to 2 people?"
