"""Kill -9 between any two steps of what a person asks for, then a restart: one answer, whatever the step.

The steps are not listed here. They are those that an undisturbed service takes, so a new one is a new kill.
"""

import asyncio
import itertools
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.dying import Orders
from tests.fakes.telegram import Chat, FakeTelegram, Message, Press
from tests.service import Service
from tests.wall import photo

PATIENCE = 90.0  # seconds; three are usual
SIDE_BY_SIDE = 2  # services at once: there are two cores in the smallest machine that runs this
SENT = "telegram send"
PRESS_AGAIN = "please press again"
ENDED = frozenset({"delivered", "failed"})


@dataclass(frozen=True, kw_only=True)
class Way:
    """What a person does, and what they have in the end.

    Args:
        photos: that they send; several are an album.
        press: the button that they press under what came for the photos; the kills come after that. Empty: none.
        again: the photos were sent and answered before; the kills come after that.
        kinds: the messages with pictures that they have in the end.
        words: those of the only message beside the pictures; empty: there is none.
        first: the first step to be killed after, by its beginning; before it this way is like another one.
        last: the last one, likewise.
    """

    photos: tuple[bytes, ...] = (photo(300),)
    press: str = ""
    again: bool = False
    kinds: tuple[str, ...] = ("photo",)
    words: str = ""
    first: str = ""
    last: str = ""

    @property
    def jobs(self) -> int:
        return 2 if self.press == "Wider" or self.again else 1

    @property
    def before(self) -> "Way":
        """What was done and answered before the kills."""
        return replace(self, press="", again=False, kinds=("photo",))

    def of(self, steps: list[str]) -> list[str]:
        """Those of the steps to be killed after."""
        start = next(n for n, step in enumerate(steps) if step.startswith(self.first))
        end = next(n for n, step in enumerate(steps) if step.startswith(self.last)) if self.last else len(steps)
        return steps[start : end + 1]


WAYS = {
    "one face": Way(),
    "two faces": Way(
        photos=(photo(300, 280),), kinds=("photo", "photo"), words="any other way", first="telegram deleteMessage"
    ),
    "no face": Way(photos=(photo(),), kinds=(), words="face", first="update jobs state running"),
    "album": Way(
        photos=(photo(300), photo(280)),
        kinds=("photo", "photo"),
        words="any other way",
        first="telegram download",
        last="update jobs state running",
    ),
    "wider": Way(press="Wider", kinds=("photo", "photo"), last="update jobs state running"),
    "file": Way(press="As a file", kinds=("photo", "document")),
    "side by side": Way(press="Side by side", kinds=("photo", "photo"), first=SENT, last=SENT),
    "sticker": Way(press="Sticker", kinds=("photo", "sticker"), first=SENT, last=SENT),
    "delete": Way(press="Delete", kinds=()),
    "same again": Way(again=True, kinds=("photo", "photo"), first="insert jobs", last=SENT),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_kill_at_any_step_leaves_one_answer(way: Way, tmp_path: Path) -> None:
    async with besieged(tmp_path / "0") as first:
        steps = way.of(await first.undisturbed(way))
        print("steps:", *steps, sep="\n  ")
        left = iter(steps)

        async def all_left(siege: Siege) -> list[str]:
            return [wrong for step in left if (wrong := await siege.killed_after(step, way))]

        async def elsewhere(number: int) -> list[str]:
            async with besieged(tmp_path / str(number)) as siege:
                return await all_left(siege)

        others = range(1, min(SIDE_BY_SIDE, len(steps)))
        wrong = await asyncio.gather(all_left(first), *map(elsewhere, others))
    assert [*itertools.chain(*wrong)] == []


@dataclass(frozen=True)
class Siege:
    """A service that is killed again and again, each time while it is busy with somebody else."""

    tg: FakeTelegram
    service: Service
    orders: Orders
    folder: Path

    async def undisturbed(self, way: Way) -> list[str]:
        """The steps of a service that nothing happens to."""
        chat = self.tg.private_chat(self.tg.user("Ann"))
        shown = await self.before(way, chat)
        self.orders.give("undisturbed")
        await self.ask(way, chat, shown)
        await self.answered(way, chat)
        self.check(way, chat)
        return self.orders.steps("undisturbed")

    async def killed_after(self, step: str, way: Way) -> str | None:
        """Returns what is wrong."""
        chat = self.tg.private_chat(self.tg.user("Ann"))
        try:
            shown = await self.before(way, chat)
            self.orders.give(step, last=step)
            press = await self.ask(way, chat, shown)
            assert await self.service.ended(PATIENCE) == -signal.SIGKILL, self.service.output[-2_000:]
            await self.restart()
            await self.answered(way, chat)
            await self.use(way, chat, shown, press)
            self.check(way, chat, killed=True)
        except (AssertionError, TimeoutError) as error:
            await self.restart()
            return f"killed after {step}: {error}"
        return None

    async def restart(self) -> None:
        await self.service.kill()
        self.orders.give("nothing")
        self.service.output = ""
        await self.service.start()
        await begun(self.service)

    async def before(self, way: Way, chat: Chat) -> Message | None:
        """What has the button that is pressed later, if any is."""
        if not way.press and not way.again:
            return None
        self.orders.give("nothing")
        await self.ask(way.before, chat, None)
        await self.answered(way.before, chat)
        return next(message for message in chat.answers if way.press in labels(message)) if way.press else None

    async def ask(self, way: Way, chat: Chat, shown: Message | None) -> Press | None:
        if shown is not None:
            return await chat.press(shown, way.press)
        if len(way.photos) > 1:
            await chat.send_album(way.photos)
        else:
            await chat.send_photo(way.photos[0])
        return None

    async def answered(self, way: Way, chat: Chat) -> None:
        """That person's jobs have ended, and no update waits to be dealt with."""
        async with asyncio.timeout(PATIENCE):
            while True:
                states = self.states(chat)
                assert len(states) <= way.jobs, "one photo or press is one job"
                if len(states) == way.jobs and ENDED.issuperset(states):
                    break
                await asyncio.sleep(0.05)
        await self.nothing_waits()

    async def nothing_waits(self) -> None:
        """Neither at Telegram nor written down."""
        await self.tg.wait_confirmed(PATIENCE)
        async with asyncio.timeout(PATIENCE):
            while self.rows("SELECT number FROM arrivals"):  # noqa: ASYNC110 (another process has the database)
                await asyncio.sleep(0.05)

    def states(self, chat: Chat) -> list[str]:
        return self.rows("SELECT state FROM jobs WHERE person = ?", f"telegram:{chat.user.id}")

    def rows(self, query: str, *values: str) -> list[str]:
        with closing(sqlite3.connect(self.folder / "jobs.db")) as connection:
            return [row for (row,) in connection.execute(query, values)]

    async def use(self, way: Way, chat: Chat, shown: Message | None, press: Press | None) -> None:
        """Do what a person would, by what they read: have sent what did not come, and clear away what is stale."""
        told = str((await press.answer(PATIENCE)).get("text")) if press is not None else ""
        for message in chat.answers:
            told += message.text
            if "Send again" in labels(message):
                if missing(way, chat):
                    await self.have(way, chat, message, "Send again")
                    if way.words:
                        await chat.wait_for(lambda m: way.words in m.text, PATIENCE)
                await chat.delete(message)
            elif labels(message) == ["Cancel"]:
                await (await chat.press(message, "Cancel")).answer(PATIENCE)
            elif PRESS_AGAIN in message.text:
                await chat.delete(message)
        if shown is not None and missing(way, chat):
            assert PRESS_AGAIN in told, "nothing came, and nothing was said"
            await self.have(way, chat, shown, way.press)
        await self.nothing_waits()

    async def have(self, way: Way, chat: Chat, message: Message, button: str) -> None:
        await (await chat.press(message, button)).answer(PATIENCE)
        await chat.wait_until(lambda: not missing(way, chat), PATIENCE)

    def check(self, way: Way, chat: Chat, *, killed: bool = False) -> None:
        """That a person has what they should, was never sent anything twice, and sees nothing else."""
        assert not missing(way, chat), chat.answers
        assert pictures(chat.history) == Counter(way.kinds or ("photo",) * bool(way.press)), "something came twice"
        texts = [m.text for m in chat.answers if m.kind == "text"]
        most = 1 if way.words else 0
        least = 0 if killed and way.kinds else most  # a kill may cost an album the buttons below it, and no more
        assert least <= len(texts) <= most, texts
        assert all(way.words in text for text in texts), texts
        if way.press == "Delete":
            assert [path for path in (self.folder / "objects").rglob("*") if path.is_file()] == []


@asynccontextmanager
async def besieged(folder: Path) -> AsyncIterator[Siege]:
    """Started; dead in the end."""
    await asyncio.to_thread(folder.mkdir)
    orders = Orders(folder / "orders")
    orders.give("nothing")
    async with FakeTelegram() as tg:
        where = {"TELEGRAM_TOKEN": tg.token, "TELEGRAM_BASE_URL": tg.base_url, "TELEGRAM_FILE_URL": tg.file_url}
        async with Service(folder, module="tests.dying", ORDERS=str(folder / "orders"), **where) as service:
            await begun(service)
            yield Siege(tg, service, orders, folder)


async def begun(service: Service) -> None:
    """What it does at every start is over, and is no step of what a person asks for later."""
    await service.said("Telegram connected", within=PATIENCE)
    await service.said('"event": "swept"', within=PATIENCE)


def labels(message: Message) -> list[str]:
    return [button["text"] for button in message.buttons]


def missing(way: Way, chat: Chat) -> bool:
    return pictures(chat.answers) != Counter(way.kinds)


def pictures(messages: list[Message]) -> Counter[str]:
    return Counter(message.kind for message in messages if message.kind != "text")
