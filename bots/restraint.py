"""Who asks for too much, for too long. Kept in memory: what becomes of it, a pause, is in the database."""

from collections import deque
from collections.abc import Callable

import structlog

from storage import People, StorageError

log = structlog.get_logger(__name__)

STRIKES, WITHIN = 20, 600.0  # refusals for a quota, within so many seconds: whoever only tries again has far fewer
TOGETHER = 3.0  # seconds: thirty photos that are sent in one go, and refused, are no more than one attempt
PAUSE = 3_600.0  # seconds that nothing is taken from somebody after that
QUOTAS = frozenset({"over_quota", "waiting_quota"})  # codes of such refusals
MINUTE, HOUR = 60.0, 3_600.0


class Restraint:
    """Counts refusals, and photos that count although their rows are wiped.

    Args:
        people: where pauses are remembered.
        clock: unix time in seconds.
    """

    def __init__(self, people: People, clock: Callable[[], float]) -> None:
        self._people = people
        self._clock = clock
        self._strikes: dict[str, deque[float]] = {}
        self._wiped: dict[str, tuple[int, float]] = {}

    async def refused(self, person: str, code: str) -> None:
        """Somebody was refused; pauses whoever has that happen again and again for a quota."""
        if code not in QUOTAS or not self.strike(person):
            return
        try:
            await self._people.pause(person, self._clock() + PAUSE)
        except StorageError as error:  # what they are told is the refusal all the same
            log.error("person not paused", person=person, error=str(error))
        else:
            log.warning("person paused", person=person, seconds=PAUSE)

    def strike(self, person: str) -> bool:
        """Count a refusal; True when it is one too many, after which counting begins anew."""
        now = self._clock()
        # Last in the dictionary = latest in time, so what has passed is at its beginning.
        times = self._strikes.pop(person, deque(maxlen=STRIKES))
        if not times or times[-1] <= now - TOGETHER:
            times.append(now)
        while self._strikes and next(iter(self._strikes.values()))[-1] <= now - WITHIN:
            del self._strikes[next(iter(self._strikes))]
        if len(times) == STRIKES and times[0] > now - WITHIN:
            return True
        self._strikes[person] = times
        return False

    def wiped(self, person: str, photos: int, latest: float) -> None:
        """Remember for an hour photos whose rows go now: wiping one's data is no way to a fresh quota."""
        before, _ = self.spent(person)
        self._wiped = {one: (n, time) for one, (n, time) in self._wiped.items() if time > self._clock() - HOUR}
        if photos:
            self._wiped[person] = (before + photos, latest)

    def spent(self, person: str) -> tuple[int, float]:
        """Photos that were wiped and still count, and when the latest of them was sent (unix seconds)."""
        photos, latest = self._wiped.get(person, (0, 0.0))
        return (photos, latest) if latest > self._clock() - HOUR else (0, 0.0)
