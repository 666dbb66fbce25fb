"""Sends the mails that were promised, once their jobs have ended, again and again until they are taken or hopeless."""

import asyncio
import random
import time
from collections.abc import Callable
from email.utils import parseaddr
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from bots.letter import Letters
from bots.metrics import Metrics
from bots.smtp import Account, NotTaken
from storage import Job, Jobs, State, StorageError
from storage.mails import Mail, Mails

log = structlog.get_logger(__name__)

TICK = 2.0  # seconds between two looks for what is due
AT_ONCE = 8  # an address that its server dawdles over keeps one hand busy, not all
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3_600.0  # seconds
GIVES_UP_AFTER = 86_400.0  # seconds after its job ended; see also storage/retention.py
GRACE = 10.0  # seconds at the end for what is being handed in


class Postman:
    """Works while it is open. What is not sent is in the database, for the next start.

    Args:
        clock: unix seconds.
        jitter: a number in [0, 1), so that not all come back at once after an outage.
    """

    def __init__(
        self,
        mails: Mails,
        jobs: Jobs,
        account: Account,
        letters: Letters,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._mails = mails
        self._jobs = jobs
        self._account = account
        self._letters = letters
        self._metrics = metrics
        self._clock = clock
        self._jitter = jitter
        _, self._sender = parseaddr(letters.settings.mail_from or "")
        self._under_way: dict[str, asyncio.Task[None]] = {}  # by job
        self._walk: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._walk = asyncio.create_task(self._go_round(), name="postman")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._walk is not None:
            self._walk.cancel()
            await asyncio.gather(self._walk, return_exceptions=True)
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=GRACE)
        tasks = [*self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def round(self) -> None:
        """Begin to send what is due, as far as there are hands free."""
        # So many that those under way, which are due as well, never hide all others.
        for mail in await self._mails.due(self._clock(), limit=2 * AT_ONCE):
            if len(self._under_way) >= AT_ONCE:
                return
            if mail.job not in self._under_way:
                task = asyncio.create_task(self._carry(mail))
                self._under_way[mail.job] = task
                task.add_done_callback(partial(self._carried, mail.job))

    async def settled(self) -> None:
        """Wait for what is under way."""
        while self._under_way:
            await asyncio.wait([*self._under_way.values()])

    async def _go_round(self) -> None:
        while True:
            try:
                await self.round()
            except StorageError as error:  # seen again at the next look
                log.warning("mails not looked for", error=str(error))
            except Exception:  # the postman outlives every mistake
                log.exception("the postman stumbled")
            await asyncio.sleep(TICK)

    def _carried(self, job_id: str, task: asyncio.Task[None]) -> None:
        self._under_way.pop(job_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the postman stumbled", job=job_id, error=type(error).__name__)

    async def _carry(self, mail: Mail) -> None:
        try:
            job = await self._jobs.get(mail.job)
            if job is None:  # forgotten meanwhile, and the mail with it
                return
            if _wanted(job):
                await self._hand_in(mail, job)
            else:
                await self._mails.settle(mail.job)
        except StorageError as error:  # still written down as due: if it was sent, the same Message-ID tells so
            log.warning("mail not settled", job=mail.job, error=str(error))

    async def _hand_in(self, mail: Mail, job: Job) -> None:
        try:
            await self._account.send(self._letters.write(job, mail.address, self._clock()), self._sender, mail.address)
        except NotTaken as error:
            await self._give_up(mail, f"refused with {error.code}")
        except Exception as error:  # whatever the network, TLS or the mail library raises
            await self._put_off(mail, type(error).__name__)  # its text may name the address
        else:
            await self._mails.settle(mail.job)
            self._metrics.mail_sent()
            log.info("mail sent", job=mail.job)

    async def _put_off(self, mail: Mail, why: str) -> None:
        now = self._clock()
        pause = min(FIRST_PAUSE * 2 ** (mail.attempts + self._jitter()), LONGEST_PAUSE)
        if now + pause > mail.ended_at + GIVES_UP_AFTER and mail.attempts:
            await self._give_up(mail, why)
            return
        await self._mails.put_off(mail.job, now + pause)
        self._metrics.mail_retried()
        log.warning("mail put off", job=mail.job, attempt=mail.attempts + 1, seconds=round(pause), why=why)

    async def _give_up(self, mail: Mail, why: str) -> None:
        await self._mails.settle(mail.job)
        self._metrics.mail_given_up()
        log.error("mail given up", job=mail.job, attempts=mail.attempts + 1, why=why)


def _wanted(job: Job) -> bool:
    """Not what was taken back, nor a link to pictures that are deleted by now."""
    return bool(job.results) if job.state is State.DELIVERED else job.state in {State.FAILED, State.EXPIRED}
