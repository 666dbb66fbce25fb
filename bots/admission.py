"""Who is let in: limits on what one person sends, and on what waits in all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import accumulate
from weakref import WeakValueDictionary

from bots.requests import PhotoRequest, Refused
from bots.restraint import HOUR, MINUTE, Restraint
from bots.workshop import Workshop
from config import Settings
from inference import Scheduler
from storage import Database, Sent, Source


@dataclass(eq=False, slots=True)
class Incoming:
    """A job on its way in.

    Args:
        sent: how it counts for its person, once it is let in.
        written: its row is there, by which it counts for them from now on.
        unwanted: its person had everything of theirs wiped meanwhile.
    """

    source: Source
    sent: Sent | None = None
    written: bool = False
    unwanted: bool = False


class Admission:
    """Refuses what is over a limit, and counts what is on its way in as if it were in already.

    Args:
        clock: unix time in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        scheduler: Scheduler,
        workshop: Workshop,
        restraint: Restraint,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._database = database
        self._scheduler = scheduler
        self._workshop = workshop
        self._restraint = restraint
        self._clock = clock
        self._incoming: dict[str, list[Incoming]] = {}  # by person
        self._forgetting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by person
        self.closed = False

    def close(self) -> None:
        """Let nobody in any more."""
        self.closed = True

    @asynccontextmanager
    async def forgetting(self, person: str) -> AsyncIterator[None]:
        """While all that is stored of a person is wiped, by one at a time: two would count the same photos.

        What they have on its way in is unwanted: whoever lets it in wipes it. What they send meanwhile waits.
        """
        async with self._forgetting.setdefault(person, asyncio.Lock()):
            for incoming in self._incoming.get(person, ()):
                incoming.unwanted = True
            yield

    @asynccontextmanager
    async def coming(self, request: PhotoRequest) -> AsyncIterator[Incoming]:
        """A job on its way in. Until the end of the context it counts, if it is let in; after that, by its place."""
        if (lock := self._forgetting.get(request.person)) is not None:
            async with lock:
                pass
        # Nothing is awaited in between: whatever was sent before its person is forgotten is known to be on its way.
        incoming = Incoming(request.source)
        theirs = self._incoming.setdefault(request.person, [])
        theirs.append(incoming)
        try:
            yield incoming
        finally:
            theirs.remove(incoming)
            if not theirs:
                del self._incoming[request.person]

    async def let_in(self, incoming: Incoming, request: PhotoRequest, photos: int) -> None:
        """Let a job of so many photos in.

        Raises:
            Refused: with a code for the words and, where known, when it would be let in.
        """
        await self._refuse_person(request)
        sent = await self._database.jobs.lately(request.person, self._clock() - HOUR)
        # From here to where it is counted nothing is awaited: of those that come together, each knows of those before.
        # The database answers in order, so whose row was read is `written` by now: nothing counts twice either.
        self._refuse_number(request, photos, sent)
        incoming.sent = Sent(self._clock(), photos, waiting=True)

    async def _refuse_person(self, request: PhotoRequest) -> None:
        if self.closed:
            raise Refused("stopping", "the service is stopping")
        if request.declared_size is not None and request.declared_size > self._settings.limits_photo_bytes:
            raise Refused("photo_too_large", f"declared {request.declared_size} bytes")
        asks = await self._database.people.get(request.person)
        if asks.blocked:
            raise Refused("blocked", f"{request.person} is blocked")
        if asks.paused_until > self._clock():
            raise Refused("over_quota", f"{request.person} is paused", asks.paused_until)

    def _refuse_number(self, request: PhotoRequest, photos: int, rows: Sequence[Sent]) -> None:
        limits, person, now = self._settings, request.person, self._clock()
        # The same update, come twice at once, will be one job.
        coming = [
            one.sent
            for one in self._incoming.get(person, ())
            if one.sent is not None and not one.written and one.source != request.source
        ]
        sent = sorted([*coming, *rows], key=lambda one: one.at, reverse=True)
        waiting = sum(one.waiting for one in sent)
        if waiting >= limits.limits_waiting:
            first = self._workshop.seconds_for_first_of(person)
            again = None if first is None else now + first
            raise Refused("waiting_quota", f"{waiting} jobs of {person} wait already", again)
        if len(sent) >= limits.limits_minute and (oldest := sent[limits.limits_minute - 1].at) > now - MINUTE:
            raise Refused("over_quota", f"{person} sent {limits.limits_minute} in a minute", oldest + MINUTE)
        # An album that is over the limit by itself is taken as the only one of its hour.
        wiped, latest = self._restraint.spent(person)
        room_after = limits.limits_hour - photos + 1 - wiped
        if wiped and room_after < 1:
            raise Refused("over_quota", f"{person} had wiped {wiped} photos of this hour", latest + HOUR)
        room_after = max(1, room_after)
        for one, so_far in zip(sent, accumulate(one.photos for one in sent), strict=True):
            if so_far >= room_after and one.at > now - HOUR:
                raise Refused("over_quota", f"{person} sent {room_after} photos in an hour", one.at + HOUR)
        let_in = sum(one.sent is not None for theirs in self._incoming.values() for one in theirs)
        if len(self._scheduler) + let_in >= limits.limits_queue:
            room = self._workshop.seconds_for_room()
            raise Refused("queue_full", f"{len(self._scheduler)} jobs wait", now + (room or MINUTE))
