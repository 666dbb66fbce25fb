"""How often one address may send a photo, and how many photos are read at once."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class SlidingWindow:
    """At most `limit` within any `seconds`, for each name. Kept in memory: a restart forgives everybody.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._taken: dict[str, deque[float]] = {}

    def take(self, name: str) -> float:
        """Count one now if there is room: 0. Else the seconds until there will be, and nothing is counted."""
        now = self._clock()
        self._forget(now)
        times = self._taken.setdefault(name, deque())
        while times and times[0] <= now - self._seconds:
            times.popleft()
        if len(times) >= self._limit:
            return times[0] + self._seconds - now
        times.append(now)
        # Last in the dictionary = latest in time, which is what lets _forget stop early.
        self._taken[name] = self._taken.pop(name)
        return 0.0

    def _forget(self, now: float) -> None:
        """Drop names whose latest is out of the window, so that memory follows the traffic of one window."""
        while self._taken:
            name = next(iter(self._taken))
            if self._taken[name][-1] > now - self._seconds:
                return
            del self._taken[name]

    def __len__(self) -> int:
        return len(self._taken)


class Turnstile:
    """Lets so many through at once, in the order of their coming; the others wait outside.

    Who takes longer than `seconds` goes on, but no longer counts: a slow sender keeps nobody else waiting.
    """

    def __init__(self, places: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(places)
        self._seconds = seconds

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        await self._free.acquire()
        inside = True

        def leave() -> None:
            nonlocal inside
            if inside:
                inside = False
                self._free.release()

        timer = asyncio.get_running_loop().call_later(self._seconds, leave)
        try:
            yield
        finally:
            timer.cancel()
            leave()
