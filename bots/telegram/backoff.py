"""Pauses between attempts to reach Telegram: longer each time, and never in step with others."""

import asyncio
import random

from telegram.error import RetryAfter

FIRST = 1.0  # seconds
LONGEST = 60.0


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
