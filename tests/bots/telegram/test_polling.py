"""Whatever takes long, the bot goes on hearing everybody."""

import asyncio
from pathlib import Path

import pytest

from bots.telegram import albums, polling, runner
from tests.bots.telegram.parts import Running, running
from tests.bots.telegram.pictures import picture
from tests.bots.telegram.test_forms import nothing_kept
from tests.fakes.telegram import Chat, FakeTelegram


@pytest.fixture(autouse=True)
def _quick_glances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(albums, "QUIET", 0.15)
    monkeypatch.setattr(polling, "GLANCE", 0.02)


async def test_an_album_that_takes_long_counts_as_one(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        ann, bob, cid = (tg.private_chat(tg.user(name)) for name in ("Ann", "Bob", "Cid"))
        with tg.hold("getFile"):
            await ann.send_album([picture(300 + n) for n in range(10)])
            await bob.send_photo(picture())
            await tg.wait_until(lambda: len(service.runner._poller._taken) == 11)
            await asyncio.sleep(2 * albums.QUIET)
            await cid.send_text("/help")
            await cid.wait_answers(1)


async def test_many_photos_that_take_long_do_not_tear_an_album_apart(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        bob = tg.private_chat(tg.user("Bob"))
        with tg.hold("getFile"):
            for number in range(polling.BUSY):
                await tg.private_chat(tg.user(f"Person {number}")).send_photo(picture())
            await tg.wait_until(lambda: len(service.runner._poller._taken) == polling.BUSY)
            album = bob.new_album()
            await bob.send_photo(picture(400), album=album)
            await tg.wait_until(lambda: len(service.runner._poller._taken) == polling.BUSY + 1)
            for number in range(3):
                await asyncio.sleep(albums.QUIET / 3)
                await bob.send_photo(picture(410 + number), album=album)
            await asyncio.sleep(2 * albums.QUIET)
            polls = tg.count("getUpdates")
            await asyncio.sleep(2 * albums.QUIET)
            assert tg.count("getUpdates") == polls, "once it is complete, it is as busy as others"
        await bob.wait_answers(4, lambda m: m.kind == "photo")
        [job] = await service.database.jobs.of(f"telegram:{bob.user.id}")
        assert len(job.inputs) == 4


async def let_wait(tg: FakeTelegram, service: Running, slow: Chat) -> None:
    """Send a photo that waits for its download, and so many messages after it that Telegram would give no others."""
    await service.runner.connected.wait()
    await slow.send_photo(picture())
    bob, cid = (tg.private_chat(tg.user(name)) for name in ("Bob", "Cid"))
    for _ in range(polling.MOST):
        await bob.send_text("hello")
    await cid.send_text("/help")
    await cid.wait_answers(1)
    [kept] = await service.database.arrivals.of("telegram")
    assert kept.person == f"telegram:{slow.user.id}"


async def test_one_that_takes_long_does_not_stop_a_hundred_behind_it(tg: FakeTelegram, tmp_path: Path) -> None:
    ann = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path) as service:
        with tg.hold("getFile"):
            await let_wait(tg, service, ann)
        await ann.wait_photo()
        await nothing_kept(service)


async def test_one_that_was_confirmed_early_outlives_a_restart(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "GRACE", 0.0)
    monkeypatch.setattr(runner, "LAST_WORDS", 0.0)
    ann = tg.private_chat(tg.user("Ann"))
    with tg.hold("getFile"):
        async with running(tg, tmp_path) as service:
            await let_wait(tg, service, ann)
    assert ann.answers == tg.world.updates.pending == []
    async with running(tg, tmp_path) as service:
        await ann.wait_photo()
        await nothing_kept(service)
