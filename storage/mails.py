"""E-mails that were promised, written down before anybody is told, until they are sent or given up."""

import sqlite3
from dataclasses import dataclass, field

from storage.sql import Sql

# Nothing is known of an address beyond this once the mail is sent: how often it was written to, by its digest.
_WAITING = "mails.address != ''"
_ENDED = "jobs.state IN ('delivered', 'failed', 'cancelled', 'expired')"


@dataclass(frozen=True, slots=True)
class Mail:
    """One that is to be sent; its job has ended.

    Args:
        attempts: how often it was tried.
        ended_at: unix seconds, of its job.
    """

    job: str
    address: str = field(repr=False)
    attempts: int
    ended_at: float


class Mails:
    """The table of mails. Rows go with their jobs; addresses go earlier."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, job_id: str, address: str, digest: str, at: float) -> bool:
        """Promise one for a job; False when it has one already (sent, perhaps)."""
        rows = await self._sql.query(
            "INSERT INTO mails (job, address, digest, due, created_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (job) DO NOTHING RETURNING job",
            (job_id, address, digest, at, at),
        )
        return bool(rows)

    async def nth_latest(self, digest: str, n: int) -> float | None:
        """When the n-th latest to one address was promised (unix seconds); None when there are fewer."""
        rows = await self._sql.query(
            "SELECT created_at FROM mails WHERE digest = ? ORDER BY created_at DESC LIMIT 1 OFFSET ?", (digest, n - 1)
        )
        return rows[0]["created_at"] if rows else None

    async def due(self, now: float, *, limit: int) -> list[Mail]:
        """Those whose job has ended and whose time has come, the longest due first."""
        rows = await self._sql.query(
            "SELECT mails.job, mails.address, mails.attempts, jobs.updated_at FROM mails"
            f" JOIN jobs ON jobs.id = mails.job WHERE {_WAITING} AND mails.due <= ? AND {_ENDED}"
            " ORDER BY mails.due LIMIT ?",
            (now, limit),
        )
        return [_mail(row) for row in rows]

    async def put_off(self, job_id: str, until: float) -> None:
        """One attempt failed; the next is due then (unix seconds)."""
        await self._sql.query("UPDATE mails SET attempts = attempts + 1, due = ? WHERE job = ?", (until, job_id))

    async def settle(self, job_id: str) -> None:
        """It is sent or given up: forget the address."""
        await self._sql.query("UPDATE mails SET address = '' WHERE job = ?", (job_id,))

    async def give_up(self, before: float) -> int:
        """Forget the addresses of those whose job ended before then and that nobody sends; returns how many."""
        rows = await self._sql.query(
            f"UPDATE mails SET address = '' WHERE {_WAITING} AND job IN"
            f" (SELECT id FROM jobs WHERE {_ENDED} AND updated_at < ?) RETURNING job",
            (before,),
        )
        return len(rows)

    async def jobs_for(self, digest: str) -> list[str]:
        """Ids of the jobs whose mails went, or are to go, to that address."""
        rows = await self._sql.query("SELECT job FROM mails WHERE digest = ?", (digest,))
        return [row["job"] for row in rows]


def _mail(row: sqlite3.Row) -> Mail:
    return Mail(row["job"], row["address"], row["attempts"], row["updated_at"])
