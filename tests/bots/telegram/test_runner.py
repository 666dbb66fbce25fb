"""Connecting, staying connected, stopping and starting again, by polling and by webhook."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from bots.telegram import backoff, polling
from bots.telegram.runner import TelegramRunner, run_telegram
from tests.bots.studio_parts import studio_in
from tests.bots.telegram.parts import Painter, running, telegram_settings
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import FakeTelegram

SECRET = "a-secret-of-the-webhook"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST", 0.02)
    monkeypatch.setattr(polling, "GLANCE", 0.02)


async def test_a_wrong_token_is_named_and_stops_nothing_else(
    tg: FakeTelegram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = f"{tg.bot.id}:AAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    settings = telegram_settings(tg, tmp_path, telegram_token=wrong)
    async with (
        studio_in(settings, Painter(), None) as (studio, _, _),  # type: ignore[arg-type]
        run_telegram(settings, studio) as runner,
    ):
        await asyncio.wait_for(runner.finished.wait(), 10)
        assert not runner.connected.is_set()
        assert studio.ready
    said = capsys.readouterr()
    assert "TELEGRAM_TOKEN" in said.out + said.err
    assert wrong not in said.out + said.err


async def test_telegram_may_be_away_at_the_start_and_later(tg: FakeTelegram, tmp_path: Path) -> None:
    tg.reachable = False
    async with running(tg, tmp_path) as service:
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await tg.wait_refused(2)
        assert not service.runner.connected.is_set()
        tg.reachable = True
        await chat.wait_photo()
        tg.fail("getUpdates", 502, "Bad Gateway", times=3)
        tg.flood("getUpdates", 1)
        sent = await chat.send_text("/help")
        await chat.wait_for(lambda m: m.reply_to == sent.id)


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


@asynccontextmanager
async def mounted() -> AsyncIterator[tuple[str, list[TelegramRunner]]]:
    """A web server that hands its POSTs to the runner put into the list."""
    runners: list[TelegramRunner] = []

    async def receive(request: web.Request) -> web.Response:
        if not runners:
            return web.Response(status=503)
        secret = request.headers.get("X-Telegram-Bot-Api-Secret-Token")
        return web.Response(status=await runners[0].receive(secret, await request.read()))

    app = web.Application()
    app.router.add_post("/telegram", receive)
    server = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await server.setup()
    await web.TCPSite(server, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{server.addresses[0][1]}/telegram", runners
    finally:
        await server.cleanup()


async def test_webhook(tg: FakeTelegram, tmp_path: Path) -> None:
    async with (
        mounted() as (url, runners),
        running(tg, tmp_path, telegram_webhook_url=url, telegram_webhook_secret=SECRET) as service,
        httpx.AsyncClient() as outside,
    ):
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())  # no runner is there yet: Telegram tries again
        await service.runner.connected.wait()
        runners.append(service.runner)
        await chat.wait_photo()
        await tg.wait_confirmed()
        assert tg.world.updates.webhook.deliveries[-1] == 200

        update = json.dumps({"update_id": 1, "message": (await chat.send_text("/help")).body})
        await chat.wait_for(lambda m: "Accepted" in m.text)
        header = "X-Telegram-Bot-Api-Secret-Token"
        assert (await outside.post(url, content=update)).status_code == 403
        assert (await outside.post(url, content=update, headers={header: "wrong"})).status_code == 403
        assert (await outside.post(url, content="{", headers={header: SECRET})).status_code == 400
        assert (await outside.post(url, content="[1]", headers={header: SECRET})).status_code == 400
        assert len(chat.answers) == 2

        await service.studio.drain()
        await chat.send_photo(picture(colour="red"))
        await chat.wait_until(lambda: tg.world.updates.webhook.deliveries[-1] == 503)
        assert len(tg.world.updates.pending) == 1


async def test_from_webhook_back_to_polling(tg: FakeTelegram, tmp_path: Path) -> None:
    async with httpx.AsyncClient() as http:
        await http.post(f"{tg.base_url}{tg.token}/setWebhook", data={"url": "https://example.invalid/hook"})
    async with running(tg, tmp_path):
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await chat.wait_photo()
