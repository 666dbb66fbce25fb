"""More pictures than one album holds: what went out of them is not sent once more."""

from dataclasses import replace
from pathlib import Path

import pytest

from bots.requests import Delivery
from bots.telegram import albums
from bots.telegram.buttons import Buttons
from bots.telegram.door import TelegramDoor
from bots.telegram.reply import ReplyTo
from bots.telegram.speech import Speech
from bots.words import Words
from storage import Job, Jobs
from tests.bots.studio_parts import ENDED, reached
from tests.bots.telegram.parts import PAINTED, Running, running, telegram_settings
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import Chat, FakeTelegram, Message

TWENTY = [*PAINTED[:2]] * 10


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(albums, "QUIET", 0.15)


async def answered(service: Running, chat: Chat) -> tuple[Job, list[Message]]:
    """Ten photos of two faces each, once they are answered: their job, and the pictures in the chat."""
    service.painter.faces = 2
    await chat.send_album([picture(320 + 10 * n, 240) for n in range(10)])
    await chat.wait_for(lambda m: m.kind == "text" and "Closer" in [b["text"] for b in m.buttons])
    [job] = await service.database.jobs.of(f"telegram:{chat.user.id}")
    return await reached(service.database, job.id, ENDED), [m for m in chat.history if m.kind != "text"]


async def test_a_part_that_fails_is_sent_again_and_no_other(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember, notes = Jobs.remember, []

    async def noting(jobs: Jobs, job_id: str, reply: str) -> None:
        notes.append(ReplyTo.from_json(reply))
        await remember(jobs, job_id, reply)

    monkeypatch.setattr(Jobs, "remember", noting)
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        tg.fail("sendMediaGroup", 502, "Bad Gateway", after=1)
        _, sent = await answered(service, chat)
        assert [m.picture for m in sent] == TWENTY
        assert [m.text for m in sent if m.text] == ["Here you are."]
        assert [(len(to.shown), to.sending) for to in notes[-4:]] == [(0, True), (10, False), (10, True), (20, False)]
        await (await chat.press(chat.answers[-1], "Delete")).answer()
        assert chat.answers == []


async def test_a_part_that_is_none_to_telegram_comes_as_files_and_no_other(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        tg.fail("sendMediaGroup", 400, "Bad Request: IMAGE_PROCESS_FAILED", after=1)
        _, sent = await answered(service, chat)
        assert [m.kind for m in sent] == ["photo"] * 10 + ["document"] * 10
        assert [m.picture for m in sent] == TWENTY


async def test_the_part_that_is_missing_at_a_start_is_sent_then(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        job, sent = await answered(service, chat)
        known = ReplyTo.from_json(job.reply)
        half = replace(known, shown=known.shown[:10], files=known.files[:10])
        speech = Speech(Words.load(), telegram_settings(tg, tmp_path))
        studio = service.studio
        door = TelegramDoor(service.runner.bot, speech, Buttons(speech, studio), studio.remember, studio.allowances)
        pictures = await service.studio.pictures(job)
        await door.deliver(replace(job, reply=half.to_json()), Delivery(pictures, 20))
        more = [m for m in chat.history if m.kind != "text"][len(sent) :]
        assert [m.picture for m in more] == TWENTY[10:]
        noted = await service.database.jobs.get(job.id)
        assert noted is not None
        assert ReplyTo.from_json(noted.reply).shown == (*known.shown[:10], *(m.id for m in more))
