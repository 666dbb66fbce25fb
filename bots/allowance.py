"""How many photos somebody may still send in the hour: told under a picture when they are few."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

import structlog

from bots.restraint import HOUR, Restraint
from bots.words import Words
from storage import Jobs, StorageError

log = structlog.get_logger(__name__)

FEW = 1  # photos: with more than these left, nothing is said


@dataclass(frozen=True, slots=True)
class Allowance:
    """Photos that are left, and when there will be more (unix time)."""

    left: int
    again: float

    def told(self, words: Words, language: str, more: str) -> str:
        """In words. `more`: the sentence that says when there will be more."""
        key = "left" if self.left else "none_left"
        return f"{words.say(language, key, left=self.left)} {more}"

    def told_at(self, now: float, words: Words, language: str) -> str:
        """In words, for whoever reads them about `now`, in a time zone that is not known."""
        minutes = max(1, math.ceil((self.again - now) / 60))
        return self.told(words, language, words.say(language, "more_minutes", minutes=minutes))


class Allowances:
    """See `Admission`, which refuses by the same figures.

    Args:
        limit: photos that a person may send in an hour.
        clock: unix time in seconds.
    """

    def __init__(self, limit: int, jobs: Jobs, restraint: Restraint, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._jobs = jobs
        self._restraint = restraint
        self._clock = clock

    async def few(self, person: str) -> Allowance | None:
        """What is left, if it is little enough to be told; None also when it is not known: it is a courtesy."""
        try:
            return await self._few(person)
        except StorageError as error:
            log.warning("what is left is not known", person=person, why=str(error))
            return None

    async def _few(self, person: str) -> Allowance | None:
        since = self._clock() - HOUR
        wiped, latest_wiped = self._restraint.spent(person)
        jobs = [sent for sent in await self._jobs.lately(person, since) if sent.at > since]
        sent = sum(job.photos for job in jobs)
        left = max(0, self._limit - wiped - sent)
        if left > FEW or not (sent or wiped):  # of an hour that nothing was sent in, there is nothing to wait for
            return None
        # The photo whose hour has to end for one more to have room.
        room = max(1, self._limit - wiped)
        so_far = accumulate(job.photos for job in jobs)
        ends = [job.at for job, photos in zip(jobs, so_far, strict=True) if photos >= min(sent, room)]
        oldest = ends[0] if ends and wiped < self._limit else latest_wiped
        return Allowance(left, oldest + HOUR)
