"""Connecting, staying connected, stopping and starting again, by polling and by webhook."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest

from bots.telegram import backoff, polling
from bots.telegram.runner import run_telegram
from storage import Database, StorageError
from storage.arrivals import Arrival, Arrivals
from storage.broadcasts import Broadcasts
from tests.bots.studio_parts import studio_in
from tests.bots.telegram.parts import Painter, running, telegram_settings
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST", 0.02)
    monkeypatch.setattr(polling, "GLANCE", 0.02)


async def test_a_wrong_token_is_named_and_stops_nothing_else(
    tg: FakeTelegram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = f"{tg.bot.id}:AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    settings = telegram_settings(tg, tmp_path, telegram_token=wrong)
    told: list[str] = []
    async with (
        studio_in(settings, Painter(), None) as (studio, _, _),  # type: ignore[arg-type]
        run_telegram(settings, studio, told.append) as runner,
    ):
        await asyncio.wait_for(runner.finished.wait(), 10)
        assert not runner.connected.is_set()
        assert not runner.online
        assert studio.ready
    said = capsys.readouterr()
    assert "TELEGRAM_TOKEN" in said.out + said.err
    assert wrong not in said.out + said.err
    [line] = told
    assert line.startswith("Telegram        off: it refuses TELEGRAM_TOKEN")
    assert wrong not in line


@pytest.mark.parametrize("as_wanted", [True, False])
async def test_the_start_says_who_the_bot_is_and_what_to_change(
    tg: FakeTelegram, tmp_path: Path, as_wanted: bool
) -> None:
    tg.world.can_join_groups, tg.world.reads_all, tg.world.inline = as_wanted, not as_wanted, as_wanted
    told: list[str] = []
    settings = telegram_settings(tg, tmp_path)
    async with (
        studio_in(settings, Painter(), None) as (studio, _, _),  # type: ignore[arg-type]
        run_telegram(settings, studio, told.append) as runner,
    ):
        await asyncio.wait_for(runner.connected.wait(), 10)
        await tg.wait_polled()
    assert told[0] == f"Telegram        on as @{tg.bot.username}, updates by polling"
    named = [command for line in told[1:] for command in re.findall(r"/set\w+", line)]
    assert named == ([] if as_wanted else ["/setprivacy", "/setjoingroups", "/setinline"])


async def test_telegram_may_be_away_at_the_start_and_later(tg: FakeTelegram, tmp_path: Path) -> None:
    tg.reachable = False
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await tg.wait_refused(2)
        assert not service.runner.connected.is_set()
        assert not service.runner.online
        tg.reachable = True
        await chat.wait_photo()
        assert service.runner.online
        tg.fail("getUpdates", 502, "Bad Gateway", times=3)
        tg.flood("getUpdates", 1)
        sent = await chat.send_text("/help")
        await tg.wait_until(lambda: not service.runner.online)
        await chat.wait_for(lambda m: m.reply_to == sent.id)
        await chat.send_text("/help")  # ends the long poll
        await tg.wait_until(lambda: service.runner.online)


async def test_a_token_that_is_taken_back_closes_the_door(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        await tg.wait_polled()
        tg.fail("getUpdates", 401, "Unauthorized")
        await tg.private_chat(tg.user("Ann")).send_text("/help")  # ends the long poll
        await asyncio.wait_for(service.runner.finished.wait(), 10)
        assert not service.runner.online


async def test_another_poller_is_told_of_and_outlived(
    tg: FakeTelegram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tg, tmp_path) as service, httpx.AsyncClient() as other:
        await service.runner.connected.wait()
        await tg.wait_polled()
        await other.post(f"{tg.base_url}{tg.token}/getUpdates", data={"timeout": 0})
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_text("/help")
        await chat.wait_answers(1)
    assert "only one can" in capsys.readouterr().out


async def test_an_update_that_can_not_be_read_does_not_end_the_polling(
    tg: FakeTelegram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        await tg.wait_polled()
        tg.world.updates.add("message", {"message_id": 1})
        await tg.wait_until(lambda: not service.runner.online)
        tg.world.updates.pending.clear()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_text("/help")
        await chat.wait_answers(1)
    assert "updates not taken" in capsys.readouterr().out


async def test_an_update_is_confirmed_when_its_photo_is_written_down(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        chat, other = tg.private_chat(tg.user("Ann")), tg.private_chat(tg.user("Bob"))
        with tg.hold("getFile"):
            await chat.send_photo(picture())
            await tg.wait_call("getUpdates", tg.count("getUpdates") + 2)
            assert len(tg.world.updates.pending) == 1
            sent = await other.send_text("/help")  # the others are served meanwhile
            await other.wait_for(lambda m: m.reply_to == sent.id)
            assert len(tg.world.updates.pending) == 2
        await tg.wait_confirmed()
        assert len(await service.database.jobs.of(f"telegram:{chat.user.id}")) == 1
        await chat.wait_photo()


async def test_one_that_takes_long_does_not_stop_many_behind_it(tg: FakeTelegram, tmp_path: Path) -> None:
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        slow = tg.private_chat(tg.user("Ann"))
        with tg.hold("getFile"):
            await slow.send_photo(picture())
            others = [tg.private_chat(tg.user(f"Person {n}")) for n in range(3 * polling.STEP)]
            for other in others:
                await other.send_text("/help")
            for other in others:
                await other.wait_answers(1)
        await slow.wait_photo()
        await tg.wait_confirmed()
        assert all(len(other.answers) == 1 for other in others)


async def test_a_restart_goes_on_with_the_same_status_message(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        await chat.send_photo(picture())
        status = (await chat.wait_answers(1))[0]
    async with running(tg, tmp_path) as service:
        answer = await chat.wait_photo()
        assert chat.history == [status, answer]
        assert status.deleted


async def test_a_photo_sent_while_stopping_is_answered_after_the_start(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path) as service:
        await service.runner.connected.wait()
        await service.studio.drain()
        await chat.send_photo(picture())
        await asyncio.wait_for(service.runner.finished.wait(), 10)
    assert chat.history == []
    async with running(tg, tmp_path):
        await chat.wait_photo()


async def test_commands_answered_before_a_stop_are_not_answered_again(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with running(tg, tmp_path):
        await chat.send_text("/start")
        await chat.wait_answers(1)
    async with running(tg, tmp_path):
        await chat.send_text("/help")
        await chat.wait_for(lambda m: "Accepted" in m.text)
        assert len(chat.answers) == 2


async def test_from_webhook_back_to_polling(tg: FakeTelegram, tmp_path: Path) -> None:
    async with httpx.AsyncClient() as http:
        await http.post(f"{tg.base_url}{tg.token}/setWebhook", data={"url": "https://example.invalid/hook"})
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await chat.wait_photo()


async def test_what_an_earlier_run_left_is_gone_on_with_when_the_database_answers(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def at_the_second_time(kind: type, name: str) -> None:
        call = getattr(kind, name)

        async def hesitant(*about: object) -> object:
            asked.append(name)
            if asked.count(name) == 1:
                raise StorageError("database_locked", "try again")
            return await call(*about)

        monkeypatch.setattr(kind, name, hesitant)

    chat = tg.private_chat(tg.user("Ann"))
    sent = await chat.send_text("/help")
    tg.world.updates.pending.clear()
    body = json.dumps({"update_id": 1, "message": sent.body})
    async with Database(telegram_settings(tg, tmp_path).database_path) as database:
        await database.arrivals.add(Arrival("telegram", 1, f"telegram:{chat.user.id}", body, 1.0))
    at_the_second_time(Arrivals, "of")
    at_the_second_time(Broadcasts, "begun")
    async with running(tg, tmp_path):
        await chat.wait_answers(1)
        async with asyncio.timeout(10):
            while asked.count("begun") < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
