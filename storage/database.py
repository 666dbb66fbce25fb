"""The database of the service: one SQLite file with jobs, people and secrets."""

import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.arrivals import Arrivals
from storage.broadcasts import Broadcasts
from storage.jobs import Jobs
from storage.mails import Mails
from storage.migrations import migrate
from storage.people import People
from storage.sql import Sql


class Database:
    """An async context manager around the file; entering it brings the schema up to date.

    Args:
        path: the file; made (mode 0600) with its folder when missing.
        busy_timeout: seconds that a statement waits while another process writes.
        clock: unix seconds.

    Raises (on entering, and from every call):
        StorageError: the file is damaged, newer, locked or cannot be written; names it and says what to do.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._clock = clock
        self._sql = Sql(path, busy_timeout=busy_timeout)
        self.jobs = Jobs(self._sql, clock)
        self.people = People(self._sql)
        self.broadcasts = Broadcasts(self._sql)
        self.mails = Mails(self._sql)
        self.arrivals = Arrivals(self._sql)

    async def __aenter__(self) -> Self:
        await self._sql.open(partial(migrate, clock=self._clock))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sql.close()

    async def made_at(self) -> float:
        """Unix seconds of its first migration; a copy that was put back is as old as what it was copied from."""
        [row] = await self._sql.query("SELECT min(applied_at) AS at FROM migrations")
        return float(row["at"])

    async def secret(self, name: str) -> bytes:
        """32 random bytes, made when first asked for and the same ever after, also for other processes."""
        select = "SELECT value FROM secrets WHERE name = ?"
        rows = await self._sql.query(select, (name,))
        if not rows:
            made = (name, secrets.token_bytes(32))
            await self._sql.query("INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING", made)
            rows = await self._sql.query(select, (name,))
        return bytes(rows[0]["value"])
