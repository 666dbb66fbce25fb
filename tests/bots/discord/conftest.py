from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import simcord
import structlog

from bots.discord.bot import AnimeBot
from bots.words import Words
from config import Settings
from tests.bots.discord.stand_ins import FakeClock, FakeStudio


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, limits_photo_bytes=200_000)


@pytest.fixture
def studio() -> FakeStudio:
    return FakeStudio()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def simcord_bot(settings: Settings, studio: FakeStudio, clock: FakeClock) -> AnimeBot:
    return AnimeBot(settings, studio, Words.load(), clock)


@pytest.fixture(autouse=True)
def quick_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bots.discord.door.EDIT_INTERVAL", 0.01)


@pytest.fixture(autouse=True)
def quick_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bots.discord.intake.FETCH_PAUSE", 0.001)


@pytest.fixture
def env(simcord_env: simcord.Env) -> simcord.Env:
    return simcord_env


@pytest.fixture
def channel(env: simcord.Env) -> simcord.ChannelHandle:
    return env.create_guild().create_text_channel("general")


@pytest.fixture
def ann(env: simcord.Env, channel: simcord.ChannelHandle) -> simcord.MemberActor:
    return env.guild.add_member(env.create_user("ann"))


@pytest.fixture
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    with structlog.testing.capture_logs() as entries:
        yield entries
