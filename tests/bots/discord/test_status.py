"""The status line alone, its pauses in the test's hands."""

import asyncio

from bots.discord.status import StatusLine


class Pauses:
    """Each pause lasts until the test ends it."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self._over.wait()
        self._over.clear()

    def end(self) -> None:
        self._over.set()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_newest_text_only_and_one_pause_apart():
    shown, pauses = [], Pauses()

    async def show(text):
        shown.append(text)
        return True

    status = StatusLine(show, 2.0, asyncio.create_task, pauses)
    for text in ("nine", "eight", "seven"):
        status.say(text)
        await settle()
    assert shown == ["nine"]
    pauses.end()
    await settle()
    assert shown == ["nine", "seven"]
    assert pauses.asked == [2.0, 2.0]
    await status.end()


async def test_the_same_text_is_shown_once():
    shown, pauses = [], Pauses()

    async def show(text):
        shown.append(text)
        return True

    status = StatusLine(show, 2.0, asyncio.create_task, pauses)
    for _ in range(3):
        status.say("nine")
        await settle()
        pauses.end()
        await settle()
    assert shown == ["nine"]
    await status.end()


async def test_an_edit_on_its_way_is_waited_for_and_is_the_last():
    shown, on_its_way, may_land = [], asyncio.Event(), asyncio.Event()

    async def show(text):
        on_its_way.set()
        await may_land.wait()
        shown.append(text)
        return True

    status = StatusLine(show, 2.0, asyncio.create_task, Pauses())
    status.say("nine")
    await on_its_way.wait()
    status.say("eight")
    ending = asyncio.create_task(status.end())
    await settle()
    assert not ending.done()
    may_land.set()
    await ending
    await settle()
    status.say("seven")
    await settle()
    assert shown == ["nine"]


async def test_after_a_failed_edit_it_stays_silent():
    tries = []

    async def show(text):
        tries.append(text)
        return False

    status = StatusLine(show, 2.0, asyncio.create_task, Pauses())
    for text in ("nine", "eight"):
        status.say(text)
        await settle()
    assert tries == ["nine"]
    await status.end()
