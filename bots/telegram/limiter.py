"""Telegram's flood limits: kept beforehand, and obeyed for each chat by itself when Telegram refuses all the same.

The SDK's own limiter stops every call of the bot while one chat is to be left alone. Here only that chat waits.

Sources: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this (about 30 messages a second
in all, one a second in a chat with short bursts, 20 a minute in a group) and
https://core.telegram.org/bots/api#responseparameters (`retry_after`).
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from enum import IntEnum, StrEnum
from typing import Any

import structlog
from telegram.error import RetryAfter
from telegram.ext import BaseRateLimiter

from bots.telegram.backoff import asked_pause

log = structlog.get_logger(__name__)

RETRIES = 5  # of a call that Telegram asked to repeat later
PATIENCE = 60.0  # seconds that a call waits for its chat; whoever has longer to wait is told so instead
MARGIN = 0.1  # seconds on top of what Telegram asks for, which it rounds
OVERALL = (30, 1.0)  # messages in so many seconds
CHAT = (3, 3.0)
GROUP = (20, 60.0)
BACKGROUND = (10, 1.0)  # out of OVERALL, while nothing else waits
CAREFUL = (10, 1.0)  # in all, for CAREFUL_FOR seconds after several chats refused at once
CAREFUL_FOR = 10.0
SEVERAL = 3
LANES_KEPT = 4_096

_MESSAGES = ("send", "copy", "forward", "edit")


class Urgency(StrEnum):
    """`rate_limit_args` of a call: without one, it is an answer that somebody waits for."""

    BACKGROUND = "background"


class Courtesy:
    """`rate_limit_args` of a call that lets answers go first, and that may be called off until it is on its way.

    Attributes:
        on_its_way: whether Telegram may have heard of it.
    """

    def __init__(self) -> None:
        self.on_its_way = False


class _Level(IntEnum):
    """A call goes when none of a lower level waits."""

    ANSWER = 0
    COURTESY = 1
    BACKGROUND = 2


def _level(kind: Urgency | Courtesy | None) -> _Level:
    if isinstance(kind, Courtesy):
        return _Level.COURTESY
    return _Level.ANSWER if kind is None else _Level.BACKGROUND


class Window:
    """At most `most` in any `seconds`."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._times: deque[float] = deque()

    def wait(self, now: float, weight: int) -> float:
        """Seconds until `weight` more fit in; 0: now."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        over = len(self._times) + min(weight, self._most) - self._most
        return self._times[over - 1] + self._seconds - now if over > 0 else 0.0

    def take(self, now: float, weight: int) -> None:
        self._times.extend([now] * min(weight, self._most))


class Line:
    """Calls one after another: on each level first come, first served, and none while one of a lower level waits.

    Args:
        sleep: waits for so many seconds.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._waiting = dict.fromkeys(_Level, 0)
        self._nothing_before = {level: asyncio.Event() for level in _Level}
        self._turns = {level: asyncio.Lock() for level in _Level}
        self._let_go()

    async def turn(self, level: _Level, wait: Callable[[], float], take: Callable[[], None]) -> None:
        """Returns when it is a call's turn and `wait` says 0 seconds; `take` is called at that moment."""
        self._waiting[level] += 1
        self._let_go()
        try:
            async with self._turns[level]:
                while True:
                    await self._nothing_before[level].wait()
                    if (seconds := wait()) <= 0:
                        break
                    await self._sleep(seconds)
                take()
        finally:
            self._waiting[level] -= 1
            self._let_go()

    def empty(self) -> bool:
        return not any(self._waiting.values())

    def _let_go(self) -> None:
        before = 0
        for level in _Level:
            event = self._nothing_before[level]
            event.clear() if before else event.set()
            before += self._waiting[level]


class Lane:
    """What goes to one chat."""

    def __init__(self, windows: tuple[Window, ...], line: Line) -> None:
        self.line = line
        self.closed_until = 0.0
        self._windows = windows

    def wait(self, now: float, weight: int) -> float:
        """Seconds until a call may go; a call of no weight waits for an end of the flood alone."""
        paced = max((window.wait(now, weight) for window in self._windows), default=0.0) if weight else 0.0
        return max(self.closed_until - now, paced)

    def take(self, now: float, weight: int) -> None:
        for window in self._windows:
            window.take(now, weight)

    def idle(self, now: float) -> bool:
        return self.line.empty() and self.wait(now, 1_000) <= 0


class Limiter(BaseRateLimiter[Urgency | Courtesy]):
    """Goes between the bot and its calls, except getUpdates, which the SDK never limits.

    Args:
        clock: seconds, of any origin.
        sleep: waits for so many seconds of that clock.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lanes: dict[int | str, Lane] = {}
        self._overall = Window(*OVERALL)
        self._background = Window(*BACKGROUND)
        self._careful = Window(*CAREFUL)
        self._careful_until = 0.0
        self._refused: deque[tuple[float, int | str]] = deque()
        self._line = Line(sleep)

    async def initialize(self) -> None:
        """Nothing to open."""

    async def shutdown(self) -> None:
        """Nothing to close."""

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, bool | dict[str, Any] | list[dict[str, Any]]]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: Urgency | Courtesy | None,
    ) -> bool | dict[str, Any] | list[dict[str, Any]]:
        """Make a call when its turn has come.

        Raises:
            RetryAfter: refused RETRIES times, or the chat is to be left alone for longer than PATIENCE.
        """
        name, weight, level = _lane_of(endpoint, data), _weight(endpoint, data), _level(rate_limit_args)
        attempt = 0
        while True:
            await self._wait_for_lane(name, weight, level)
            if weight:
                await self._wait_for_all(weight, level)
            if isinstance(rate_limit_args, Courtesy):
                rate_limit_args.on_its_way = True
            try:
                return await callback(*args, **kwargs)
            except RetryAfter as error:
                if isinstance(rate_limit_args, Courtesy):
                    rate_limit_args.on_its_way = False
                attempt += 1
                pause = asked_pause(error) + MARGIN
                self._close(name, pause)
                log.info("Telegram asks to wait", method=endpoint, chat=name, seconds=pause, attempt=attempt)
                if attempt > RETRIES or pause > PATIENCE:
                    raise

    async def _wait_for_lane(self, name: int | str, weight: int, level: _Level) -> None:
        lane = self._lane(name)
        if not weight:  # overtakes messages that wait for their second
            while (seconds := self._patiently(lane.wait(self._clock(), 0))) > 0:
                await self._sleep(seconds)
            return

        def wait() -> float:
            return self._patiently(lane.wait(self._clock(), weight))

        await lane.line.turn(level, wait, lambda: lane.take(self._clock(), weight))

    def _patiently(self, seconds: float) -> float:
        if seconds > PATIENCE + MARGIN:
            raise RetryAfter(int(seconds) + 1)
        return seconds

    async def _wait_for_all(self, weight: int, level: _Level) -> None:
        def windows(now: float) -> list[Window]:
            careful = [self._careful] if now < self._careful_until else []
            return [self._overall, *careful, *([self._background] if level is _Level.BACKGROUND else [])]

        def wait() -> float:
            now = self._clock()
            return max(window.wait(now, weight) for window in windows(now))

        def take() -> None:
            now = self._clock()
            for window in windows(now):
                window.take(now, weight)

        await self._line.turn(level, wait, take)

    def _close(self, name: int | str, seconds: float) -> None:
        """Leave a chat alone. Several that refuse within a second mean the bot's overall limit: all go slower then."""
        now = self._clock()
        lane = self._lane(name)
        lane.closed_until = max(lane.closed_until, now + seconds)
        self._refused.append((now, name))
        while self._refused[0][0] < now - 1.0:
            self._refused.popleft()
        if len({refused for _, refused in self._refused}) >= SEVERAL:
            log.warning("several chats are flooded at once, sending more slowly", seconds=CAREFUL_FOR)
            self._careful_until = now + CAREFUL_FOR

    def _lane(self, name: int | str) -> Lane:
        lane = self._lanes.get(name)
        if lane is None:
            if len(self._lanes) >= LANES_KEPT:
                now = self._clock()
                self._lanes = {key: kept for key, kept in self._lanes.items() if not kept.idle(now)}
            lane = self._lanes[name] = Lane(_windows(name), Line(self._sleep))
        return lane


def _windows(name: int | str) -> tuple[Window, ...]:
    if isinstance(name, str):  # a method that means no chat
        return ()
    return (Window(*CHAT), Window(*GROUP)) if name < 0 else (Window(*CHAT),)


def _lane_of(endpoint: str, data: dict[str, Any]) -> int | str:
    """The chat that a call writes to; the method for all others, so that their refusals concern them alone."""
    chat = data.get("chat_id")
    if chat is None or endpoint.startswith("get"):
        return endpoint
    try:
        return int(chat)
    except ValueError:  # @channel
        return endpoint


def _weight(endpoint: str, data: dict[str, Any]) -> int:
    """For how many messages a call counts: an album for each of its items."""
    if data.get("chat_id") is None or endpoint == "sendChatAction" or not endpoint.startswith(_MESSAGES):
        return 0
    return len(data["media"]) if endpoint == "sendMediaGroup" else 1
