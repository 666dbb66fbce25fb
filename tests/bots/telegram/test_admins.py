"""The operator's commands, which nobody else learns of."""

from pathlib import Path

import pytest

from tests.bots.telegram.parts import running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram, User

BOSS = User(7_000_001, "Boss")


async def test_a_blocked_person_is_refused_until_unblocked(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=f"discord:1,telegram:{BOSS.id}"):
        boss, ann = tg.private_chat(BOSS), tg.private_chat(tg.user("Ann"))
        await ann.send_photo(picture())
        answer = await ann.wait_photo()
        await boss.send_text(f"/block {ann.user.id}")
        await boss.wait_for(lambda m: m.text == f"telegram:{ann.user.id} is blocked.")
        await ann.send_photo(picture(colour="red"))
        await ann.wait_for(lambda m: "can't use this bot" in m.text)
        assert "can't use this bot" in (await (await ann.press(answer, "Wider")).answer())["text"]
        await boss.send_text(f"/unblock telegram:{ann.user.id}")
        await boss.wait_for(lambda m: "no longer blocked" in m.text)
        await ann.send_photo(picture(colour="gold"))
        await ann.wait_answers(2, lambda m: m.kind == "photo")


@pytest.mark.parametrize("text", ["/block", "/block Ann", "/unblock 1 2", "/block mail:me"])
async def test_how_to_block(tg: FakeTelegram, tmp_path: Path, text: str) -> None:
    async with running(tg, tmp_path, admins=f"telegram:{BOSS.id}"):
        boss = tg.private_chat(BOSS)
        await boss.send_text(text)
        await boss.wait_for(lambda m: "Say whom" in m.text)


async def test_stats(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=f"telegram:{BOSS.id}") as service:
        service.painter.hold.clear()
        boss = tg.private_chat(BOSS)
        await boss.send_photo(picture())
        await boss.wait_for(lambda m: "Painting" in m.text)
        await boss.send_text("/stats")
        told = await boss.wait_for(lambda m: "Ready to paint." in m.text)
        assert "Waiting: 0\nSeconds per picture: 0.50\nqueued: 0\nrunning: 1\n" in told.text
        service.painter.hold.set()
        await boss.wait_photo()


@pytest.mark.parametrize("admins", ["", f"telegram:{BOSS.id},discord:5000001"])
async def test_strangers_learn_nothing(tg: FakeTelegram, tmp_path: Path, admins: str) -> None:
    async with running(tg, tmp_path, admins=admins) as service:
        chat = tg.private_chat(tg.user("Ann"))
        answers = set()
        for command in ("/block 5", "/unblock 5", "/stats", "/nonsense"):
            sent = await chat.send_text(command)
            answers.add((await chat.wait_for(lambda m, sent=sent: m.reply_to == sent.id)).text)  # type: ignore[misc]
        assert answers == {"Send me a photo with a face in it, please."}
        assert not (await service.database.people.get("telegram:5")).blocked


async def test_in_a_group_even_an_admin_gets_no_answer(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path, admins=f"telegram:{BOSS.id}"):
        group = tg.group("Friends", BOSS)
        await group.send_text("/stats")
        await group.send_text("/help")
        await group.wait_answers(1)
        await tg.wait_confirmed()
    assert len(group.history) == 1
