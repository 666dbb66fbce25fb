"""The bot as the service runs it: over real HTTP and a real websocket, against a stand-in for Discord."""

import asyncio
import json
import logging

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bots.discord.runner import REFUSED, run_discord
from config import Settings
from tests.bots.discord.fake_discord import TOKEN, FakeDiscord, serve
from tests.bots.discord.stand_ins import FakeStudio, delivery_of, fail, paint, png_of
from tests.bots.discord.test_commands import TYPED


class Naps:
    """Sleeps that take no time and are remembered."""

    def __init__(self) -> None:
        self.lengths: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.lengths.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def fake():
    async with serve(FakeDiscord(photo=png_of(64))) as fake:
        yield fake


def settings_for(fake, token=TOKEN, **more) -> Settings:
    return Settings(
        _env_file=None, discord_token=token, discord_api_url=fake.api_url, discord_gateway_url=fake.gateway_url, **more
    )


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what the SDK and the log hold cannot be awaited
            await asyncio.sleep(0.01)


async def connected(fake) -> None:
    async with asyncio.timeout(5):
        await fake.identified.wait()


async def test_a_photo_goes_in_and_a_picture_comes_back_over_the_wire(fake, caplog, logs):
    caplog.set_level(logging.DEBUG)
    delivery = delivery_of()
    studio = FakeStudio(work=paint(delivery))
    async with run_discord(settings_for(fake), studio):
        await connected(fake)
        await fake.slash()
        async with asyncio.timeout(5):
            await fake.edited.wait()
    assert studio.photos == [fake.photo]
    assert studio.requests[0].language == "en-US"
    assert [callback["type"] for callback in fake.callbacks] == [5]
    assert fake.edits[0]["anime.png"] == delivery.pictures[0].png
    assert json.loads(fake.edits[0]["payload_json"])["content"] == "Here you are."
    assert fake.edits[0]["token"] == b"interaction-secret"
    assert {command["name"] for command in fake.sync} == {*TYPED, "Anime this"}
    assert "interaction-secret" not in caplog.text + str(logs)
    assert TOKEN not in caplog.text + str(logs)


async def test_no_face_is_said_in_the_persons_language(fake):
    studio = FakeStudio(work=fail("no_face"))
    async with run_discord(settings_for(fake), studio):
        await connected(fake)
        await fake.slash(locale="ru")
        async with asyncio.timeout(5):
            await fake.edited.wait()
    assert json.loads(fake.edits[0]["payload_json"])["content"].startswith("На этом фото не нашлось лица.")


@pytest.mark.parametrize(("path", "host"), [("/attachments/me.png", "localhost"), ("/redirect", "127.0.0.1")])
async def test_a_photo_on_another_host_is_not_fetched(fake, path, host):
    studio = FakeStudio()
    async with run_discord(settings_for(fake), studio):
        await connected(fake)
        await fake.slash(path, host)
        async with asyncio.timeout(5):
            await fake.edited.wait()
    assert not studio.photos
    assert json.loads(fake.edits[0]["payload_json"])["content"].startswith("Discord did not hand me this picture.")


async def test_it_stops_cleanly_and_puts_the_addresses_back(fake):
    async with run_discord(settings_for(fake), FakeStudio()) as bot:
        await connected(fake)
        assert fake.api_url == Route.BASE
    assert bot.is_closed()
    assert Route.BASE == "https://discord.com/api/v10"
    assert str(DiscordWebSocket.DEFAULT_GATEWAY) == "wss://gateway.discord.gg/"
    async with asyncio.timeout(5):
        await fake.gone.wait()


async def test_what_people_sent_is_finished_before_it_hangs_up(fake, monkeypatch):
    online = []
    async with run_discord(settings_for(fake), FakeStudio()) as bot:
        await until(lambda: bot.online)

        async def finish():
            online.append(bot.online)

        monkeypatch.setattr(bot, "finish", finish)
    assert online == [True]


async def test_sessions_are_resumed_at_the_gateway_of_the_settings(fake):
    async with run_discord(settings_for(fake), FakeStudio()) as bot:
        await connected(fake)
        await until(bot.is_ready)
        await until(lambda: str(bot.ws.gateway) == fake.gateway_url)


async def test_it_is_online_while_the_connection_stands(fake):
    async with run_discord(settings_for(fake), FakeStudio()) as bot:
        assert not bot.online
        await until(lambda: bot.online)
        await fake.socket.close(code=4004)  # the token was taken back
        await until(lambda: not bot.online)
    assert not bot.online


async def test_it_is_not_online_before_the_gateway_has_it_back(fake):
    async with run_discord(settings_for(fake), FakeStudio()) as bot:
        await until(lambda: bot.online)
        await fake.socket.close(code=4000)  # it is connected to again, and not welcomed
        await until(lambda: bot.ws.open and not bot.online)
        assert bot.is_ready()
        await fake.resumed.wait()
        await fake.dispatch("RESUMED", {})
        await until(lambda: bot.online)


async def test_an_unreachable_discord_is_tried_again(fake, logs):
    fake.failures = [503, 503]
    naps, studio = Naps(), FakeStudio()
    async with run_discord(settings_for(fake), studio, sleep=naps):
        await connected(fake)
    assert fake.logins == 3
    assert len(naps.lengths) == 2
    assert 0.5 <= naps.lengths[0] <= 1 <= naps.lengths[1] <= 2
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["discord unreachable"] * 2
    assert set(studio.doors) == {"discord"}


async def test_the_service_does_not_wait_for_discord(fake):
    unreachable = settings_for(fake).model_copy(update={"discord_api_url": "http://127.0.0.1:1/api/v10"})
    studio = FakeStudio()
    async with run_discord(unreachable, studio) as bot:
        assert not bot.is_ready()
    assert not studio.doors


async def test_the_operator_is_told_once_who_the_bot_is(fake):
    lines: list[str] = []
    fake.close_code = 4013
    naps = Naps()
    async with run_discord(settings_for(fake), FakeStudio(), lines.append, naps):
        await until(lambda: len(naps.lengths) >= 2)
        fake.close_code = None
        await connected(fake)
    assert lines == ["Discord         on as anime"]


async def test_nothing_is_on_before_discord_answers(fake):
    lines: list[str] = []
    fake.failures = [503]
    waits = asyncio.Event()

    async def sleep(_: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    async with run_discord(settings_for(fake), FakeStudio(), lines.append, sleep):
        async with asyncio.timeout(5):
            await waits.wait()
    assert lines == []


async def test_a_wrong_token_is_named_and_not_tried_again(fake, logs):
    lines: list[str] = []
    async with run_discord(settings_for(fake, token="no-such-token"), FakeStudio(), lines.append) as bot:
        await until(lambda: any(entry["event"] == "discord token wrong" for entry in logs))
        assert not bot.online
    assert lines == [REFUSED]
    assert fake.logins == 1
    (entry,) = [entry for entry in logs if entry["event"] == "discord token wrong"]
    assert entry["log_level"] == "error"
    assert "DISCORD_TOKEN" in entry["hint"]
    assert "no-such-token" not in str(logs)


async def test_a_token_that_the_gateway_refuses(fake, logs):
    fake.close_code = 4004
    lines: list[str] = []
    async with run_discord(settings_for(fake), FakeStudio(), lines.append):
        await until(lambda: any(entry["event"] == "discord token wrong" for entry in logs))
    assert lines[-1] == REFUSED
    assert fake.logins == 1


async def test_a_gateway_that_hangs_up_for_good_is_tried_again(fake, logs):
    fake.close_code = 4013
    naps = Naps()
    async with run_discord(settings_for(fake), FakeStudio(), sleep=naps):
        await until(lambda: len(naps.lengths) >= 1)
        fake.close_code = None
        await connected(fake)
    assert "closed with 4013" in [entry.get("problem") for entry in logs]


async def test_without_a_token_it_is_off(logs):
    studio = FakeStudio()
    async with run_discord(Settings(_env_file=None), studio) as bot:
        assert bot is None
    assert not studio.doors
    assert "DISCORD_TOKEN" in logs[0]["hint"]
