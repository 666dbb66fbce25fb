"""Updates over the service's own web server: who may post them, when they are answered, and that none counts twice."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from bots.telegram import albums, runner, webhook
from bots.web import serve
from storage import Database, StorageError
from storage.arrivals import Arrival
from tests.bots.studio_parts import settings_in
from tests.bots.telegram.parts import PAINTED, Running, running
from tests.bots.telegram.pictures import picture
from tests.fakes.telegram import Chat, FakeTelegram

SECRET = "a-secret-of-the-webhook"
HEADERS = {webhook.SECRET_HEADER: SECRET}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(albums, "QUIET", 0.4)


@asynccontextmanager
async def hooked(tg: FakeTelegram, folder: Path) -> AsyncIterator[tuple[Running, str, httpx.AsyncClient]]:
    """The service with its webhook, the address of that, and somebody outside."""
    app = FastAPI()
    async with serve(app, settings_in(folder, web_port=0)) as address, httpx.AsyncClient() as outside:
        url = f"{address}/telegram"
        async with running(tg, folder, telegram_webhook_url=url, telegram_webhook_secret=SECRET) as service:
            assert service.runner.webhook is not None
            service.runner.webhook.mount(app, url)
            await service.runner.connected.wait()
            yield service, url, outside


def somewhere(tg: FakeTelegram, private: bool) -> Chat:
    ann = tg.user("Ann")
    return tg.private_chat(ann) if private else tg.group("Friends", ann, privacy=False)


def photos(count: int) -> list[bytes]:
    return [picture(320 + 10 * n, 240) for n in range(count)]


async def nothing_kept(database: Database) -> None:
    """Wait until the items of albums are forgotten. The database tells nobody, so it is asked."""
    async with asyncio.timeout(20):
        while await database.arrivals.of("telegram"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def update(number: int, message: dict[str, Any]) -> str:
    return json.dumps({"update_id": number, "message": message})


async def test_a_photo_over_the_webhook(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with hooked(tg, tmp_path):
        assert tg.world.updates.webhook.secret == SECRET
        sent = await chat.send_photo(picture())
        assert (await chat.wait_photo()).reply_to == sent.id
        await tg.wait_confirmed()
        assert tg.world.updates.webhook.deliveries == [200]
        assert tg.count("getUpdates") == 0


async def test_nobody_but_telegram_may_post(tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "LONGEST", 10_000)
    async with hooked(tg, tmp_path) as (_, url, outside):
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_text("/help")
        await chat.wait_answers(1)
        await tg.wait_confirmed()
        good = update(1, (await chat.send_text("/start", unseen=True)).body)
        for headers in ({}, {webhook.SECRET_HEADER: "wrong"}, {webhook.SECRET_HEADER: SECRET + "x"}):
            assert (await outside.post(url, content=good, headers=headers)).status_code == 403
        for body, status in (("{", 400), ("[1]", 400), ("x" * 10_001, 413)):
            assert (await outside.post(url, content=body, headers=HEADERS)).status_code == status
        assert (await outside.get(url, headers=HEADERS)).status_code == 405
        assert len(chat.answers) == 1


async def test_it_is_answered_when_the_photo_is_written_down_and_a_retry_changes_nothing(
    tg: FakeTelegram, tmp_path: Path
) -> None:
    async with hooked(tg, tmp_path) as (service, url, outside):
        chat = tg.private_chat(tg.user("Ann"))
        body = update(1, (await chat.send_photo(picture(), unseen=True)).body)
        with tg.hold("getFile"):
            with pytest.raises(httpx.ReadTimeout):  # Telegram, too, gives up at some time, and comes again
                await outside.post(url, content=body, headers=HEADERS, timeout=0.2)
            again = asyncio.create_task(outside.post(url, content=body, headers=HEADERS))
            assert await service.database.jobs.of(f"telegram:{chat.user.id}") == []
        assert (await again).status_code == 200
        assert len(await service.database.jobs.of(f"telegram:{chat.user.id}")) == 1
        await chat.wait_photo()
        assert (await outside.post(url, content=body, headers=HEADERS)).status_code == 200
        words = update(2, (await chat.send_text("/help", unseen=True)).body)
        for _ in range(2):
            assert (await outside.post(url, content=words, headers=HEADERS)).status_code == 200
    assert [m.kind for m in chat.answers] == ["photo", "text"]
    assert tg.count("getFile") == 1


async def test_what_comes_while_stopping_is_put_off_until_the_next_start(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with hooked(tg, tmp_path) as (service, _, _):
        await service.studio.drain()
        await chat.send_photo(picture())
        await tg.wait_until(lambda: 503 in tg.world.updates.webhook.deliveries)
        assert len(tg.world.updates.pending) == 1
        assert chat.history == []
    async with hooked(tg, tmp_path):
        await chat.wait_photo()
        await tg.wait_confirmed()


async def test_it_notices_that_another_program_took_the_webhook(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(webhook, "WATCH_EVERY", 0.01)
    async with hooked(tg, tmp_path) as (service, url, outside):
        await tg.wait_call("getWebhookInfo", 2)
        assert service.runner.online
        for method, online in (("deleteWebhook", False), ("setWebhook", True)):
            await outside.post(f"{tg.base_url}{tg.token}/{method}", data={"url": url, "secret_token": SECRET})
            await tg.wait_until(lambda online=online: service.runner.online is online)  # type: ignore[misc]
        tg.fail("getWebhookInfo", 502, "Bad Gateway", times=3)
        await tg.wait_until(lambda: not service.runner.online)
        await tg.wait_until(lambda: service.runner.online)
    assert capsys.readouterr().out.count("another program took the webhook") == 1


async def test_it_looks_again_after_an_answer_that_can_not_be_read(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "WATCH_EVERY", 0.01)
    async with hooked(tg, tmp_path) as (service, _, _):
        with monkeypatch.context() as strange:
            strange.setattr(type(tg.world.updates.webhook), "to_json", lambda *_: {})
            await tg.wait_until(lambda: not service.runner.online)
        await tg.wait_until(lambda: service.runner.online)


async def test_a_token_that_is_taken_back_closes_the_door(
    tg: FakeTelegram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tg.fail("getWebhookInfo", 401, "Unauthorized")
    async with hooked(tg, tmp_path) as (service, _, _), asyncio.timeout(20):
        while service.runner.online:  # noqa: ASYNC110 - it asks no more
            await asyncio.sleep(0.01)
    assert "Telegram refuses TELEGRAM_TOKEN" in capsys.readouterr().out


async def test_an_address_that_telegram_does_not_take_is_named_and_tried_again(
    tg: FakeTelegram, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tg.fail("setWebhook", 400, "Bad Request: bad webhook: Failed to resolve host")
    async with hooked(tg, tmp_path):
        pass
    assert "TELEGRAM_WEBHOOK_URL" in capsys.readouterr().out


@pytest.mark.parametrize("private", [True, False])
async def test_an_album_is_one_job_though_each_item_waits_for_the_answer_to_the_one_before(
    tg: FakeTelegram, tmp_path: Path, private: bool
) -> None:
    chat = somewhere(tg, private)
    async with hooked(tg, tmp_path) as (service, _, _):
        sent = await chat.send_album(photos(3), "/anime")
        answers = await chat.wait_answers(3, lambda m: m.kind == "photo")
        assert answers[0].reply_to == sent[0].id
        assert len({m.album for m in answers} - {None}) == 1
        assert len(await service.database.jobs.of(f"telegram:{chat.user.id}")) == 1
        assert tg.world.updates.webhook.deliveries == [200] * 3
        await nothing_kept(service.database)


async def test_an_album_that_needs_nothing_is_not_kept(tg: FakeTelegram, tmp_path: Path) -> None:
    group = somewhere(tg, private=False)
    async with hooked(tg, tmp_path) as (service, _, _):
        await group.send_album(photos(2))
        await tg.wait_confirmed()
        await nothing_kept(service.database)
    assert group.history == []


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("polling", [True, False])
async def test_an_album_that_is_being_gathered_outlives_a_restart(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private: bool, polling: bool
) -> None:
    chat = somewhere(tg, private)
    with monkeypatch.context() as patient:
        patient.setattr(albums, "QUIET", 60.0)
        patient.setattr(runner, "LAST_WORDS", 0.0)
        async with hooked(tg, tmp_path):
            sent = await chat.send_album(photos(3), "/anime")
            await tg.wait_confirmed()
    assert chat.history == []
    async with running(tg, tmp_path) if polling else hooked(tg, tmp_path) as again:
        service = again if isinstance(again, Running) else again[0]
        answers = await chat.wait_answers(3, lambda m: m.kind == "photo")
        assert [m.picture for m in answers] == [PAINTED[0]] * 3
        assert answers[0].reply_to == sent[0].id
        assert len(await service.database.jobs.of(f"telegram:{chat.user.id}")) == 1
        await nothing_kept(service.database)


async def test_an_item_that_can_not_be_read_any_more_holds_up_no_other(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    with monkeypatch.context() as patient:
        patient.setattr(albums, "QUIET", 60.0)
        async with hooked(tg, tmp_path) as (service, _, _):
            await chat.send_album(photos(2))
            await tg.wait_confirmed()
            person = f"telegram:{chat.user.id}"
            assert {one.person for one in await service.database.arrivals.of("telegram")} == {person}
            for number, body in enumerate(
                ("{", '{"update_id": 1, "message": {"message_id": 5, "date": 1, "chat": 7}}')
            ):
                await service.database.arrivals.add(Arrival("telegram", number, person, body, time.time()))
    async with hooked(tg, tmp_path) as (service, _, _):
        await chat.wait_answers(2, lambda m: m.kind == "photo")
        await nothing_kept(service.database)


async def test_an_album_that_comes_while_stopping_is_kept(tg: FakeTelegram, tmp_path: Path) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with hooked(tg, tmp_path) as (service, _, _):
        await service.studio.drain()
        await chat.send_album(photos(2))
        await tg.wait_confirmed()
        async with asyncio.timeout(20):
            while service.runner._keeper._under_way:  # noqa: ASYNC110 (until the studio has refused the album)
                await asyncio.sleep(0.01)
        assert len(await service.database.arrivals.of("telegram")) == 2
    assert chat.history == []
    async with hooked(tg, tmp_path):
        await chat.wait_answers(2, lambda m: m.kind == "photo")


async def test_an_item_that_can_not_be_kept_comes_again(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    async with hooked(tg, tmp_path) as (service, _, _):

        async def full(*values: object) -> None:
            raise StorageError("disk_full", "no space left")

        with monkeypatch.context() as broken:
            broken.setattr(service.database.arrivals, "add", full)
            await chat.send_album(photos(2))
            await tg.wait_until(lambda: 503 in tg.world.updates.webhook.deliveries)
            assert len(tg.world.updates.pending) == 2
        await chat.wait_answers(2, lambda m: m.kind == "photo")
