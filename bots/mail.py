"""E-mailed links, from the promise on: how many an address may get, and that the promise is written down."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bots.requests import Refused
from storage import Job
from storage.addresses import digest_of
from storage.mails import Mails

DAILY = 20  # mails to one address: whoever types in somebody else's does not flood them
DAY = 86_400.0  # seconds


class Mailroom:
    """Takes promises of mails. The postman keeps them.

    Args:
        secret: keys the digests of addresses.
        clock: unix seconds.
    """

    def __init__(self, mails: Mails, secret: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._mails = mails
        self._secret = secret
        self._clock = clock
        self._coming: Counter[str] = Counter()  # photos on their way in, by digest: they count already

    @asynccontextmanager
    async def room_for(self, address: str) -> AsyncIterator[None]:
        """Keep room for one mail to this address while its photo comes in.

        Raises:
            Refused: `mail_quota`, with when there will be room.
        """
        digest = digest_of(address, self._secret)
        self._coming[digest] += 1  # before anything is asked: of two that come at once, one counts the other
        try:
            await self._refuse_if_full(digest, DAILY - self._coming[digest] + 1)
            yield
        finally:
            self._coming[digest] -= 1
            if not self._coming[digest]:
                del self._coming[digest]

    async def promise(self, job: Job, address: str) -> None:
        """Write down that this job's result is mailed. A job has one mail: a second promise changes nothing."""
        await self._mails.add(job.id, address, digest_of(address, self._secret), self._clock())

    async def _refuse_if_full(self, digest: str, room: int) -> None:
        now = self._clock()
        oldest = await self._mails.nth_latest(digest, room) if room > 0 else now
        if oldest is not None and oldest > now - DAY:
            raise Refused("mail_quota", f"{DAILY} mails to one address in a day", oldest + DAY)
