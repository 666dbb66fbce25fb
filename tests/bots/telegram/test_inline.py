"""Inline mode: who sees which pictures, and when they are no longer there."""

from pathlib import Path
from typing import Any

from tests.bots.studio_parts import ENDED, reached
from tests.bots.telegram.parts import Running, running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import Chat, FakeTelegram, Message


async def painted(service: Running, chat: Chat, colour: str, count: int = 1) -> list[Message]:
    """The pictures that a photo brings, once they are written down as delivered."""
    sent = await chat.send_photo(picture(colour=colour))
    answers = await chat.wait_answers(count, lambda m: m.kind == "photo" and m.reply_to == sent.id)
    job = (await service.database.jobs.of(f"telegram:{chat.user.id}"))[-1]
    await reached(service.database, job.id, ENDED)
    return answers


def file_ids(messages: list[Message]) -> list[str]:
    return [message.body["photo"][-1]["file_id"] for message in messages]


async def asked(chat: Chat, text: str = "") -> dict[str, Any]:
    answer = await (await chat.inline(text)).answer()
    assert (answer["cache_time"], answer["is_personal"]) in {(1, True), ("1", "true")}
    return answer


def shown(answer: dict[str, Any]) -> list[str]:
    return [result["photo_file_id"] for result in answer["results"]]


async def test_ones_own_latest_pictures_newest_first_also_after_a_restart(tg: FakeTelegram, tmp_path: Path) -> None:
    ann, bob = tg.private_chat(tg.user("Ann")), tg.private_chat(tg.user("Bob"))
    async with running(tg, tmp_path) as service:
        first = await painted(service, ann, "red")
        service.painter.faces = 3
        album = await painted(service, ann, "blue", count=3)
        await painted(service, bob, "gold", count=3)
        assert shown(await asked(ann)) == file_ids([*album, *first])
    async with running(tg, tmp_path):
        answer = await asked(ann, "whatever is typed")
        assert shown(answer) == file_ids([*album, *first])
        assert "Paint another one" in str(answer["button"])


async def test_without_pictures_a_button_leads_to_the_private_chat(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        answer = await asked(chat)
        assert shown(answer) == []
        assert "No pictures yet" in str(answer["button"])
        await chat.send_text("/start inline")
        assert "Send me a photo" in (await chat.wait_answers(1))[0].text


async def test_what_is_deleted_forgotten_or_blocked_is_not_shared(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        person = f"telegram:{chat.user.id}"
        first, second = await painted(service, chat, "red"), await painted(service, chat, "blue")
        await (await chat.press(second[0], "Delete")).answer()
        assert shown(await asked(chat)) == file_ids(first)
        await service.database.people.block(person, True)
        assert shown(await asked(chat)) == []
        await service.database.people.block(person, False)
        await service.studio.forget(person)
        assert shown(await asked(chat)) == []


async def test_a_query_that_is_too_old_is_no_failure(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        tg.fail("answerInlineQuery", 400, "Bad Request: query is too old and response timeout expired")
        await chat.inline("")
        await tg.wait_call("answerInlineQuery")
        await asked(chat)


async def test_what_was_shared_by_it_is_not_painted_again(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture(), via=tg.bot)
        await tg.wait_confirmed()
        assert service.painter.photos == []
    assert chat.history == []
