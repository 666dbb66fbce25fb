"""The Bot API server of each test, and the SDK without its warning about a type that changes in its next version."""

from collections.abc import AsyncIterator

import httpx
import pytest
from telegram import Bot

from bots.telegram import limiter
from tests.bots.telegram.sdk import sdk
from tests.fakes.telegram import Chat, FakeTelegram


@pytest.fixture(autouse=True)
def _next_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
async def tg() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as server:
        yield server


@pytest.fixture(autouse=True)
def _any_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests talk faster than people do."""
    monkeypatch.setattr(limiter, "CHAT", (1_000, 1.0))
    monkeypatch.setattr(limiter, "GROUP", (1_000, 1.0))


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, verify=False) as client:  # no certificates to read
        yield client


@pytest.fixture
async def bot(tg: FakeTelegram) -> AsyncIterator[Bot]:
    async with sdk(tg) as client:
        yield client


@pytest.fixture
async def chat(tg: FakeTelegram) -> Chat:
    opened_chat = tg.private_chat(tg.user("Ann", username="ann"))
    await opened_chat.send_text("hello")
    return opened_chat
