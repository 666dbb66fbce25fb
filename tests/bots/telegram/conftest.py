"""The Bot API server of each test, and the SDK without its warning about a type that changes in its next version."""

from collections.abc import AsyncIterator

import pytest

from bots.telegram import limiter
from tests.fakes.telegram import FakeTelegram


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
