import pytest
import simcord

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


@pytest.fixture
def env(simcord_env: simcord.Env) -> simcord.Env:
    return simcord_env


@pytest.fixture
def channel(env: simcord.Env) -> simcord.ChannelHandle:
    return env.create_guild().create_text_channel("general")


@pytest.fixture
def ann(env: simcord.Env, channel: simcord.ChannelHandle) -> simcord.MemberActor:
    return env.guild.add_member(env.create_user("ann"))
