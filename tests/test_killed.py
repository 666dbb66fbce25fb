"""Kill -9 between any two steps of a photo's way, then a restart: one answer, whatever the step.

The steps are not listed here. They are those that an undisturbed service takes, so a new one is a new kill.
"""

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.telegram import Chat, FakeTelegram, Message
from tests.service import Service
from tests.wall import photo

PATIENCE = 90.0  # seconds; three are usual
SIDE_BY_SIDE = 2  # services at once: there are two cores in the smallest machine that runs this


@dataclass(frozen=True)
class Way:
    """What a person sends, and what they have in the end.

    Args:
        pictures: so many.
        words: those of the only message beside the pictures; empty: there is none.
        apart: the first step to be killed after; before it this way is like that of one face, or nothing has begun.
    """

    photo: bytes
    pictures: int
    words: str = ""
    apart: str = "telegram getFile 1"


ONE = Way(photo(300), 1)
SEVERAL = Way(photo(300, 280), 2, "any other way", apart="telegram deleteMessage 1")
NONE = Way(photo(), 0, "face", apart="jobs running 1")


@pytest.mark.parametrize("way", [ONE, SEVERAL, NONE], ids=["one face", "two faces", "no face"])
async def test_a_kill_at_any_step_leaves_one_answer(way: Way, tmp_path: Path) -> None:
    steps = await undisturbed(way, tmp_path / "undisturbed")
    assert {"jobs add 1", "jobs running 1", "store put 1", "telegram getFile 1"} <= {*steps}
    steps = steps[steps.index(way.apart) :]
    print("steps:", *steps, sep="\n  ")
    turns = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(number: int, step: str) -> str | None:
        async with turns:
            try:
                await killed_after(step, way, tmp_path / str(number))
            except (AssertionError, TimeoutError) as error:
                return f"killed after {step}: {error}"
            return None

    wrong = await asyncio.gather(*(one(number, step) for number, step in enumerate(steps)))
    assert [what for what in wrong if what] == []


async def undisturbed(way: Way, folder: Path) -> list[str]:
    """The steps of a service that nothing happens to."""
    async with FakeTelegram() as tg, service_for(tg, folder) as service:
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(way.photo)
        await service.start()
        await answered(tg, folder)
        assert await service.stop() == 0
        check(chat, way)
    return (folder / "steps").read_text().splitlines()


async def killed_after(step: str, way: Way, folder: Path) -> None:
    async with FakeTelegram() as tg, service_for(tg, folder) as service:
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(way.photo)
        await service.start(DIE_AFTER=step)
        assert await service.ended(PATIENCE) == -signal.SIGKILL, service.output[-2_000:]
        service.output = ""
        await service.start()
        await service.said("Telegram connected", within=PATIENCE)
        await answered(tg, folder)
        for message in [m for m in chat.answers if m.buttons]:
            await use(chat, message, way)
        assert await service.stop() == 0
        check(chat, way, killed=True)


@asynccontextmanager
async def service_for(tg: FakeTelegram, folder: Path) -> AsyncIterator[Service]:
    """Not started yet; dead in the end."""
    await asyncio.to_thread(folder.mkdir)
    where = {"TELEGRAM_TOKEN": tg.token, "TELEGRAM_BASE_URL": tg.base_url, "TELEGRAM_FILE_URL": tg.file_url}
    service = Service(folder, module="tests.dying", STEPS=str(folder / "steps"), **where)
    try:
        yield service
    finally:
        await service.kill()


async def answered(tg: FakeTelegram, folder: Path) -> None:
    """The photo's job has ended, and no update waits to be looked at."""
    async with asyncio.timeout(PATIENCE):
        while state_of(folder / "jobs.db") not in {"delivered", "failed"}:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
    await tg.wait_confirmed(PATIENCE)


def state_of(database: Path) -> str | None:
    with closing(sqlite3.connect(database)) as connection:
        try:
            rows = connection.execute("SELECT state FROM jobs").fetchall()
        except sqlite3.OperationalError:  # not made yet, or just being written
            return None
    assert len(rows) <= 1, "one photo is one job"
    return rows[0][0] if rows else None


async def use(chat: Chat, message: Message, way: Way) -> None:
    """Press what a person would: the offer to send again if nothing came, and the button under a stale status."""
    labels = [button["text"] for button in message.buttons]
    if "Send again" in labels:
        if not [m for m in chat.answers if m.kind == "photo"]:
            await (await chat.press(message, "Send again")).answer(PATIENCE)
            await chat.wait_answers(way.pictures, lambda m: m.kind == "photo", PATIENCE)
            if way.words:
                await chat.wait_for(lambda m: way.words in m.text, PATIENCE)
        await chat.delete(message)
    elif "Cancel" in labels:
        await (await chat.press(message, "Cancel")).answer(PATIENCE)


def check(chat: Chat, way: Way, *, killed: bool = False) -> None:
    """That a person has what they should, was never sent anything twice, and sees nothing else."""
    pictures = [m for m in chat.history if m.kind == "photo"]
    assert len(pictures) == way.pictures, f"{len(pictures)} pictures"
    texts = [m.text for m in chat.answers if m.kind == "text"]
    most = 1 if way.words else 0
    least = 0 if killed and way.pictures else most  # a kill may cost an album the buttons below it, and no more
    assert least <= len(texts) <= most, texts
    assert all(way.words in text for text in texts), texts
