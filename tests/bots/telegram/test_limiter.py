"""Flood limits: kept for the bot, each chat and each group; a flooded chat waits alone."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from telegram.error import BadRequest, RetryAfter

from bots import answers
from bots.telegram import limiter
from bots.telegram.limiter import Courtesy, Limiter, Urgency
from tests.bots.telegram.parts import running
from tests.bots.telegram.pictures import picture
from tests.bots.telegram.virtual_time import VirtualTime
from tests.fakes.telegram import FakeTelegram


@pytest.fixture(autouse=True)
def _any_pace() -> None:
    """The real pace, here."""


class Server:
    """Notes when each call came; `refuse` may answer it with an error."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.limiter = Limiter(clock=self.time.clock, sleep=self.time.sleep)
        self.came: list[tuple[float, Any]] = []
        self.refuse: Callable[[float, Any], Exception | None] = lambda now, chat: None

    async def call(
        self, chat: int | None, endpoint: str = "sendMessage", urgency: Urgency | Courtesy | None = None, **data: Any
    ) -> bool:
        async def callback() -> bool:
            name = endpoint if chat is None else chat
            self.came.append((round(self.time.now - 1_000, 3), name))
            if (error := self.refuse(self.time.now - 1_000, name)) is not None:
                raise error
            return True

        body = data if chat is None else data | {"chat_id": chat}
        return bool(await self.limiter.process_request(callback, (), {}, endpoint, body, urgency))

    def times(self, name: object) -> list[float]:
        return [at for at, called in self.came if called == name]


def most_in(times: list[float], seconds: float) -> int:
    return max(sum(start <= at < start + seconds for at in times) for start in times)


async def test_overall_no_more_than_thirty_in_any_second() -> None:
    server = Server()
    await server.time.run(*(server.call(chat) for chat in range(1, 101)))
    times = [at for at, _ in server.came]
    assert most_in(times, 1.0) == 30
    assert max(times) == pytest.approx(3.0)


@pytest.mark.parametrize(("chat", "most", "seconds", "longest"), [(7, 3, 3.0, 6.0), (-7, 20, 60.0, 60.0)])
async def test_pace_of_one_chat(chat: int, most: int, seconds: float, longest: float) -> None:
    server = Server()
    calls = 9 if chat > 0 else 23
    await server.time.run(*(server.call(chat) for _ in range(calls)))
    times = server.times(chat)
    assert len(times) == calls
    assert most_in(times, seconds) <= most
    assert most_in(times, 3.0) <= 3
    assert longest <= max(times) <= longest + 3.0


async def test_an_album_counts_for_each_of_its_pictures() -> None:
    server = Server()
    album = {"endpoint": "sendMediaGroup", "media": ["1", "2"]}
    await server.time.run(server.call(7, **album), server.call(7, **album))
    assert server.times(7) == [0.0, 3.0]


async def test_what_is_no_message_overtakes_those_that_wait() -> None:
    server = Server()
    await server.time.run(*(server.call(7) for _ in range(5)), server.call(7, "deleteMessage"))
    assert server.times(7) == [0.0, 0.0, 0.0, 0.0, 3.0, 3.0]


async def test_a_flooded_chat_waits_alone_and_its_calls_come_in_order() -> None:
    server = Server()
    server.refuse = lambda now, chat: RetryAfter(timedelta(seconds=20)) if chat == 7 and now < 20 else None
    results = await server.time.run(
        server.call(7), server.call(7, "editMessageText"), server.call(7, "deleteMessage"), server.call(8)
    )
    assert results == [True] * 4
    assert server.times(8) == [0.0]
    assert [at for at in server.times(7) if 0.1 < at < 20] == []


async def test_retries_are_bounded() -> None:
    server = Server()
    server.refuse = lambda now, chat: RetryAfter(timedelta(seconds=2))
    [error] = await server.time.run(server.call(7))
    assert isinstance(error, RetryAfter)
    assert len(server.came) == limiter.RETRIES + 1


async def test_a_long_flood_is_told_at_once_and_not_asked_again() -> None:
    server = Server()
    server.refuse = lambda now, chat: RetryAfter(timedelta(hours=1))
    first, second = (await server.time.run(server.call(7)))[0], (await server.time.run(server.call(7)))[0]
    assert isinstance(first, RetryAfter)
    assert isinstance(second, RetryAfter)
    assert isinstance(second.retry_after, timedelta)
    assert timedelta(minutes=59) < second.retry_after <= timedelta(hours=1, seconds=2)
    assert len(server.came) == 1
    assert server.time.now == 1_000


@pytest.mark.parametrize("endpoint", ["answerCallbackQuery", "setMyCommands", "getMe"])
async def test_a_flooded_method_without_a_chat_stops_no_chat(endpoint: str) -> None:
    server = Server()
    server.refuse = lambda now, name: RetryAfter(timedelta(seconds=5)) if name == endpoint and now < 5 else None
    results = await server.time.run(server.call(None, endpoint), server.call(7), server.call(None, "getFile"))
    assert results == [True] * 3
    assert server.times(endpoint) == [0.0, 5.1]
    assert server.times(7) == server.times("getFile") == [0.0]


async def test_other_errors_are_not_tried_again() -> None:
    server = Server()
    server.refuse = lambda now, chat: BadRequest("chat not found")
    [error] = await server.time.run(server.call(7))
    assert isinstance(error, BadRequest)
    assert len(server.came) == 1


async def test_several_flooded_chats_make_all_slower_and_stop_none() -> None:
    server = Server()
    server.refuse = lambda now, chat: RetryAfter(timedelta(seconds=3)) if chat < 4 and now < 3 else None
    await server.time.run(*(server.call(chat) for chat in (1, 2, 3)))
    server.came.clear()
    began = server.time.now - 1_000
    await server.time.run(*(server.call(chat) for chat in range(10, 40)))
    times = [at for at, _ in server.came]
    assert times[0] == pytest.approx(began)
    assert most_in(times, 1.0) == 10


async def test_the_background_leaves_room_and_lets_answers_go_first() -> None:
    server = Server()
    background = [server.call(chat, urgency=Urgency.BACKGROUND) for chat in range(100, 140)]
    answers_ = [server.call(chat) for chat in range(1, 61)]
    await server.time.run(*background, *answers_)
    late = max(at for at, chat in server.came if chat < 100)
    assert late <= 2.0
    assert most_in([at for at, chat in server.came if chat >= 100], 1.0) <= 10
    assert most_in([at for at, _ in server.came], 1.0) <= 30


async def test_courtesies_go_after_answers_and_before_the_background() -> None:
    server = Server()
    await server.time.run(*(server.call(chat) for chat in range(1, 31)))  # all that this second has
    background = [server.call(chat, urgency=Urgency.BACKGROUND) for chat in range(300, 330)]
    courtesies = [server.call(chat, urgency=Courtesy()) for chat in range(200, 230)]
    answers_ = [server.call(chat) for chat in range(100, 130)]
    await server.time.run(*background, *courtesies, *answers_)
    order = [chat // 100 for _, chat in server.came]
    assert order == [0] * 30 + [1] * 30 + [2] * 30 + [3] * 30
    assert most_in([at for at, _ in server.came], 1.0) <= 30


@pytest.mark.parametrize("chat", [7, -7])
async def test_courtesies_of_one_chat_go_after_its_answers(chat: int) -> None:
    server = Server()
    came: list[str] = []

    async def call(name: str, urgency: Courtesy | None = None) -> None:
        await server.call(chat, urgency=urgency)
        came.append(name)

    await server.time.run(*(call("first") for _ in range(3)))  # all that these seconds have
    await server.time.run(*(call("courtesy", Courtesy()) for _ in range(10)), *(call("answer") for _ in range(2)))
    assert came == ["first"] * 3 + ["answer"] * 2 + ["courtesy"] * 10


async def test_a_courtesy_tells_when_it_is_on_its_way() -> None:
    server = Server()
    courtesy = Courtesy()
    seen: list[bool] = []
    server.refuse = lambda now, chat: seen.append(courtesy.on_its_way) if chat == 200 else None
    await server.time.run(*(server.call(chat) for chat in range(100, 130)))  # all that this second has
    waiting = asyncio.create_task(server.call(200, urgency=courtesy))
    await server.time.run(asyncio.sleep(0))
    assert not courtesy.on_its_way
    assert seen == []
    await server.time.run(asyncio.wait_for(waiting, None))
    assert seen == [True]
    server.refuse = lambda now, chat: RetryAfter(timedelta(seconds=5)) if now < 3 else None
    waiting = asyncio.create_task(server.call(201, urgency=courtesy))
    await server.time.run(asyncio.sleep(0))
    assert not courtesy.on_its_way  # Telegram has not taken it
    await server.time.run(asyncio.wait_for(waiting, None))


async def test_a_status_that_waits_for_its_turn_is_called_off(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, real = asyncio.Event(), Limiter._wait_for_all

    async def no_turn_for_courtesies(self: Limiter, weight: int, level: Any) -> None:
        if level is limiter._Level.COURTESY:
            waits.set()
            await asyncio.Event().wait()
        await real(self, weight, level)

    monkeypatch.setattr(Limiter, "_wait_for_all", no_turn_for_courtesies)
    async with running(tg, tmp_path) as service:
        service.painter.hold.clear()
        chat = tg.private_chat(tg.user("Ann"))
        await chat.send_photo(picture())
        await waits.wait()
        service.painter.hold.set()
        await chat.wait_photo()
        assert tg.count("sendMessage") == 0


async def test_lanes_of_idle_chats_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "LANES_KEPT", 10)
    server = Server()
    server.refuse = lambda now, chat: RetryAfter(timedelta(seconds=30)) if chat == 5 and now < 30 else None
    flooded = asyncio.create_task(server.call(5))
    for chat in range(10, 100):
        await server.time.run(server.call(chat))
        server.time.now += 0.1
    assert len(server.limiter._lanes) < 40  # those of the last seconds
    assert 5 in server.limiter._lanes
    await server.time.run(asyncio.wait_for(flooded, 10))


async def test_many_flooded_chats_hold_up_nobody_else(
    tg: FakeTelegram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "OVERALL", (10_000, 1.0))
    async with running(tg, tmp_path, limits_queue=1_000) as service:
        flooded = [
            tg.private_chat(tg.user(f"Ann {n}")) for n in range(33)
        ]  # a few more than one would think of sending at once
        for chat in flooded:
            tg.flood("sendPhoto", 50, chat=chat)
            await chat.send_photo(picture())
        await tg.wait_call("sendPhoto", len(flooded))
        other = tg.private_chat(tg.user("Bob"))
        await other.send_photo(picture())
        await other.wait_photo()
        assert len(flooded) < answers.AT_ONCE
        assert [m for chat in flooded for m in chat.answers if m.kind == "photo"] == []
        assert len(service.painter.photos) == len(flooded) + 1
