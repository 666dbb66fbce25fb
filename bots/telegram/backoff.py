"""Pauses between attempts to reach Telegram: longer each time, and never in step with others."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from telegram.error import BadRequest, NetworkError, RetryAfter

log = structlog.get_logger(__name__)
T = TypeVar("T")

FIRST = 1.0  # seconds
LONGEST = 60.0
TRIES = 5  # of a call that is not worth more
LONG = 600.0  # seconds; a call that is to wait longer is given up


class Backoff:
    def __init__(self) -> None:
        self._pause = FIRST

    def reset(self) -> None:
        """It worked: the next failure waits the shortest time again."""
        self._pause = FIRST

    async def wait(self) -> None:
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))
        self._pause = min(2 * self._pause, LONGEST)


def asked_pause(error: RetryAfter) -> float:
    """Seconds that Telegram asks to wait."""
    after = error.retry_after
    return float(after) if isinstance(after, int) else after.total_seconds()


async def try_again(call: Callable[[], Awaitable[T]]) -> T:
    """What `call` returns, tried a few times while Telegram does not answer or asks to wait.

    Raises:
        TelegramError: it did not work in the end, or never would.
    """
    backoff = Backoff()
    for _ in range(TRIES - 1):
        try:
            return await call()
        except BadRequest:  # a NetworkError to the SDK, though it will not pass
            raise
        except RetryAfter as error:
            pause = asked_pause(error)
            if pause > LONG:
                raise
            log.info("Telegram asks to wait, trying again then", seconds=pause)
            await asyncio.sleep(pause)
        except NetworkError as error:
            log.info("Telegram does not answer, trying again", why=str(error))
            await backoff.wait()
    return await call()
