"""Who is next: fair between people, bounded, and aware of deadlines.

Within a priority people take turns, and each person's oldest job goes first. Interactive jobs go before batch jobs, but
a batch job ages with every one that passes it, and after `PATIENCE` of them it is next. Age is counted in jobs, not in
seconds, so that the order is known in advance and a position can be told exactly.
"""

import asyncio
import heapq
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from inference.errors import QueueFull

PATIENCE = 4  # interactive jobs that may pass waiting batch jobs in a row
USUAL_PACE = 1.0  # seconds between two hand-outs, until they have been measured
FORGETTING = 0.98  # weight of the known pace at each hand-out: the last fifty or so count, several batches
ROOM = 0.05  # share of the queue that should have emptied before somebody tries again


class Priority(IntEnum):
    """Somebody waits for it now, or not."""

    INTERACTIVE = 0
    BATCH = 1


@dataclass(slots=True)
class Ring:
    """People in the order of their turns, each with their jobs, oldest first."""

    people: OrderedDict[str, deque[str]] = field(default_factory=OrderedDict)

    def add(self, person: str, job_id: str) -> None:
        self.people.setdefault(person, deque()).append(job_id)

    def take(self) -> str:
        person, jobs = self.people.popitem(last=False)
        job_id = jobs.popleft()
        if jobs:
            self.people[person] = jobs
        return job_id

    def remove(self, person: str, job_id: str) -> None:
        jobs = self.people[person]
        jobs.remove(job_id)
        if not jobs:
            del self.people[person]

    def ahead(self, person: str, job_id: str) -> int:
        """Jobs of this ring that are taken before that one."""
        earlier = self.people[person].index(job_id)
        if not earlier:  # the usual case, and what a thousand people ask for at once
            return next(number for number, other in enumerate(self.people) if other == person)
        count, round_is_theirs = 0, True
        for other, jobs in self.people.items():
            round_is_theirs = round_is_theirs and other != person
            count += min(len(jobs), earlier + round_is_theirs)
        return count

    def __len__(self) -> int:
        return sum(map(len, self.people.values()))

    def copy(self) -> "Ring":
        return Ring(OrderedDict((person, jobs.copy()) for person, jobs in self.people.items()))


@dataclass(slots=True)
class Line:
    """Both rings, and how many interactive jobs have passed the waiting batch jobs."""

    interactive: Ring = field(default_factory=Ring)
    batch: Ring = field(default_factory=Ring)
    passed: int = 0

    def ring(self, priority: Priority) -> Ring:
        return self.interactive if priority is Priority.INTERACTIVE else self.batch

    def take(self) -> str | None:
        if self.batch.people and (self.passed >= PATIENCE or not self.interactive.people):
            self.passed = 0
            return self.batch.take()
        if not self.interactive.people:
            return None
        # Counted only while batch jobs wait: one that has just come is of no age, and takes nobody's turn.
        self.passed = self.passed + 1 if self.batch.people else 0
        return self.interactive.take()

    def remove(self, job: "Waiting", job_id: str) -> None:
        self.ring(job.priority).remove(job.person, job_id)
        if not self.batch.people:
            self.passed = 0

    def ahead(self, job: "Waiting", job_id: str) -> int:
        """Jobs that are taken before that one: what `order` would count, without going through it."""
        own = self.ring(job.priority).ahead(job.person, job_id)
        if job.priority is Priority.INTERACTIVE:
            return own + min(len(self.batch), (self.passed + own) // PATIENCE)
        return own + min(len(self.interactive), PATIENCE * (own + 1) - self.passed)

    def order(self) -> Iterator[str]:
        """All jobs as they will be handed out, found by doing so in thought."""
        line = Line(self.interactive.copy(), self.batch.copy(), self.passed)
        while (job_id := line.take()) is not None:
            yield job_id


@dataclass(frozen=True, slots=True)
class Waiting:
    person: str
    priority: Priority
    deadline: float | None
    photos: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job stands in the order of hand-out, as it is now.

    Args:
        position: 1 is next.
        photos: of all jobs until then, with its own.
    """

    position: int
    photos: int


class Scheduler:
    """Hands out job ids, to any number of takers in one event loop.

    Args:
        capacity: jobs that may wait.
        clock: seconds; deadlines are on the same clock.
    """

    def __init__(self, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self._line = Line()
        self._waiting: dict[str, Waiting] = {}
        self._deadlines: list[tuple[float, str]] = []  # a heap; entries of jobs that are gone are ignored
        self._late: dict[str, None] = {}  # past their deadline, not told yet; in order
        self._albums = 0  # waiting jobs of more than one photo
        self._order: dict[str, Place] | None = None  # with albums: computed when asked for, dropped at every change
        self._arrived = asyncio.Event()
        self._handed: float | None = None
        self._gaps = self._gap_seconds = 0.0

    def __len__(self) -> int:
        """Jobs that wait, those past their deadline included until `expired` has told them."""
        return len(self._waiting) + len(self._late)

    @property
    def pace(self) -> float | None:
        """Seconds between two hand-outs while jobs wait, whatever holds them up; None before the second."""
        return self._gap_seconds / self._gaps if self._gaps else None

    @property
    def until_room(self) -> int:
        """Jobs that should have gone before somebody tries again who found the queue full."""
        return math.ceil(self._capacity * ROOM)

    def submit(
        self,
        job_id: str,
        person: str,
        *,
        priority: Priority = Priority.INTERACTIVE,
        deadline: float | None = None,
        photos: int = 1,
    ) -> None:
        """Put a job in line. One that waits already keeps its place.

        Args:
            deadline: time on the scheduler's clock after which nobody wants it any more.
            photos: in it, of which an album has several. They are one turn, but more work.

        Raises:
            QueueFull: with the seconds after which to try again.
        """
        if job_id in self._waiting or job_id in self._late:
            return
        if len(self) >= self._capacity:
            pace = USUAL_PACE if self.pace is None else self.pace
            raise QueueFull(f"{len(self)} jobs are waiting", max(1.0, pace * self.until_room))
        self._waiting[job_id] = Waiting(person, priority, deadline, photos)
        self._albums += photos > 1
        self._line.ring(priority).add(person, job_id)
        if deadline is not None:
            heapq.heappush(self._deadlines, (deadline, job_id))
        self._order = None
        self._arrived.set()

    async def next(self) -> str:
        """Wait for the job whose turn it is, and take it out of the line."""
        while True:
            self._retire()
            job_id = self._line.take()
            if job_id is not None:
                self._albums -= self._waiting.pop(job_id).photos > 1
                self._order = None
                self._measure()
                return job_id
            self._arrived.clear()  # no await between looking and clearing: no arrival is missed
            self._handed = None  # an idle gap says nothing about the pace
            await self._arrived.wait()

    def cancel(self, job_id: str) -> bool:
        """Take a job out of the line. False when it does not wait (any more)."""
        if job_id in self._late:
            del self._late[job_id]
            return True
        return self._remove(job_id)

    def place(self, job_id: str) -> Place | None:
        """None when it does not wait."""
        self._retire()
        job = self._waiting.get(job_id)
        if job is None:
            return None
        if not self._albums:
            position = self._line.ahead(job, job_id) + 1
            return Place(position, position)
        if self._order is None:
            self._order, photos = {}, 0
            for position, waiting in enumerate(self._line.order(), 1):
                photos += self._waiting[waiting].photos
                self._order[waiting] = Place(position, photos)
        return self._order.get(job_id)

    def last(self) -> Place:
        """Where somebody would stand who comes now with one photo, were there no turns."""
        self._retire()
        return Place(len(self._waiting) + 1, sum(job.photos for job in self._waiting.values()) + 1)

    def expired(self) -> list[str]:
        """Jobs past their deadline, each told once. They are out of the line and will not be handed out."""
        self._retire()
        late = list(self._late)
        self._late.clear()
        return late

    def _retire(self) -> None:
        now = self._clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            deadline, job_id = heapq.heappop(self._deadlines)
            job = self._waiting.get(job_id)
            if job is not None and job.deadline == deadline:  # else an entry of an earlier time in line
                self._remove(job_id)
                self._late[job_id] = None

    def _remove(self, job_id: str) -> bool:
        job = self._waiting.pop(job_id, None)
        if job is None:
            return False
        self._line.remove(job, job_id)
        self._albums -= job.photos > 1
        self._order = None
        return True

    def _measure(self) -> None:
        now = self._clock()
        if self._handed is not None:
            self._gaps = FORGETTING * self._gaps + 1
            self._gap_seconds = FORGETTING * self._gap_seconds + now - self._handed
        self._handed = now
