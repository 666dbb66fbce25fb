"""How often one address may send a photo."""

import time
from collections import deque
from collections.abc import Callable


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
