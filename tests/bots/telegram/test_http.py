"""The HTTP client of the Bot API: what goes wrong is told in the SDK's terms, and never names the address."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
from telegram import Bot
from telegram.error import NetworkError, TimedOut

from bots.telegram.http import Requests
from tests.fakes.telegram import FakeTelegram


@pytest.fixture
async def requests() -> AsyncIterator[Requests]:
    made = Requests(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), connections=2)  # no certificates to read
    await made.initialize()
    yield made
    await made.shutdown()


@pytest.fixture
def bot(tg: FakeTelegram, requests: Requests) -> Bot:
    return Bot(tg.token, base_url=tg.base_url, base_file_url=tg.file_url, request=requests)


async def test_a_broken_connection_is_a_network_error_without_the_token(tg: FakeTelegram, bot: Bot) -> None:
    tg.break_connection("getMe")

    with pytest.raises(NetworkError) as failed:
        await bot.get_me()

    assert not isinstance(failed.value, TimedOut)
    assert tg.token not in repr(failed.value)
    assert failed.value.__cause__ is None  # a traceback would show it
    assert (await bot.get_me()).is_bot


async def test_an_answer_that_does_not_come_is_timed_out(tg: FakeTelegram, bot: Bot) -> None:
    with tg.hold("getMe"), pytest.raises(TimedOut) as failed:
        await bot.get_me(read_timeout=0.05)

    assert failed.value.__cause__ is None


async def test_files_go_out_whole(tg: FakeTelegram, bot: Bot) -> None:
    chat = tg.private_chat(tg.user("Ann"))
    await chat.send_text("hello")
    data = bytes(range(256)) * 500

    await bot.send_document(chat.id, data, caption="ünïcode ✓", filename="anime.png")

    (sent,) = chat.answers
    assert (sent.picture, sent.text) == (data, "ünïcode ✓")


async def test_a_proxy_that_the_environment_names_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        body = b'{"ok": true, "result": {"id": 1, "is_bot": true, "first_name": "Bot", "username": "bot"}}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        writer.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        requests = Requests(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), connections=1)
        async with Bot("1:token", base_url="http://telegram.invalid/bot", request=requests) as bot:
            assert bot.username == "bot"

    assert lines[0].startswith(b"POST http://telegram.invalid/bot1:token/getMe ")


async def test_nothing_is_asked_before_the_beginning_or_after_the_end(tg: FakeTelegram, requests: Requests) -> None:
    assert not requests.files.closed
    await requests.shutdown()
    await requests.shutdown()
    bot = Bot(tg.token, base_url=tg.base_url, request=requests)

    with pytest.raises(NetworkError, match="not initialised"):
        await bot.get_me()
    with pytest.raises(RuntimeError):
        _ = requests.files
    assert tg.count("getMe") == 0
