"""Messages of the operator to everybody, written down receiver by receiver, so that nobody gets one twice."""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from storage.sql import Sql


class Stage(StrEnum):
    """Where a broadcast is: nothing goes out before it runs, nor after it was stopped. One that is done is removed."""

    ASKED = "asked"
    RUNNING = "running"
    STOPPED = "stopped"


class Receipt(StrEnum):
    """What is known of one receiver. `sending` is written before a message goes out; found after a crash, it may or
    may not have arrived, which is `unsure`: it is not sent again."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    BLOCKED = "blocked"
    FAILED = "failed"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One message to everybody.

    Args:
        author: `platform:id`.
        content, note: JSON of whoever sends it; opaque here.
    """

    id: str
    author: str
    content: str
    note: str
    stage: Stage


class Broadcasts:
    """The tables of broadcasts and of those who can be written to (correspondents)."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def wrote(self, person: str) -> bool:
        """Somebody wrote in private; True when it was for the first time."""
        rows = await self._sql.query(
            "INSERT INTO correspondents VALUES (?) ON CONFLICT DO NOTHING RETURNING id", (person,)
        )
        return bool(rows)

    async def left(self, person: str) -> None:
        """Somebody blocked the bot, or is forgotten: nothing is sent to them any more, nor remembered of it."""
        await self._sql.query("DELETE FROM broadcast_receivers WHERE person = ? AND state = 'waiting'", (person,))
        await self._sql.query("DELETE FROM correspondents WHERE id = ?", (person,))

    async def forget(self, person: str) -> None:
        """Remember nothing of a person, not even what they were sent."""
        await self.left(person)
        await self._sql.query("DELETE FROM broadcast_receivers WHERE person = ?", (person,))

    async def count(self, platform: str, author: str) -> int:
        """How many a broadcast would go to."""
        rows = await self._sql.query(f"SELECT count(*) AS n FROM ({_RECEIVERS})", _receivers(platform, author))
        return int(rows[0]["n"])

    async def add(self, broadcast: str, author: str, content: str, at: float) -> None:
        """Write one down. At this stage nothing is sent; one that the author left at it is given up."""
        await self._sql.query("DELETE FROM broadcasts WHERE author = ? AND state = 'asked'", (author,))
        await self._sql.query(
            "INSERT INTO broadcasts (id, author, content, created_at) VALUES (?, ?, ?, ?)",
            (broadcast, author, content, at),
        )

    async def get(self, broadcast: str) -> Broadcast | None:
        rows = await self._sql.query("SELECT * FROM broadcasts WHERE id = ?", (broadcast,))
        return _broadcast(rows[0]) if rows else None

    async def begun(self) -> list[Broadcast]:
        """Those that run, or ended and are not reported, oldest first."""
        rows = await self._sql.query("SELECT * FROM broadcasts WHERE state != 'asked' ORDER BY created_at, rowid")
        return [_broadcast(row) for row in rows]

    async def start(self, broadcast: str, platform: str, author: str, note: str) -> bool:
        """Let it go out to all correspondents there are now; False when it has gone out, or was stopped."""
        # The receivers first, and only while nothing is sent: whatever crash comes, a running one has all of them.
        await self._sql.query(
            f"INSERT INTO broadcast_receivers (broadcast, person) SELECT :broadcast, id FROM ({_RECEIVERS})"
            " WHERE EXISTS (SELECT 1 FROM broadcasts WHERE id = :broadcast AND state = 'asked') ON CONFLICT DO NOTHING",
            {"broadcast": broadcast} | _receivers(platform, author),
        )
        rows = await self._sql.query(
            "UPDATE broadcasts SET state = 'running', note = ? WHERE id = ? AND state = 'asked' RETURNING id",
            (note, broadcast),
        )
        return bool(rows)

    async def drop(self, broadcast: str) -> bool:
        """Forget one that has not begun; False when it has."""
        rows = await self._sql.query(
            "DELETE FROM broadcasts WHERE id = ? AND state = 'asked' RETURNING id", (broadcast,)
        )
        return bool(rows)

    async def stop(self, broadcast: str) -> bool:
        """Send nothing any more; False when it does not run."""
        rows = await self._sql.query(
            "UPDATE broadcasts SET state = 'stopped' WHERE id = ? AND state = 'running' RETURNING id", (broadcast,)
        )
        return bool(rows)

    async def take(self, broadcast: str) -> str | None:
        """The next receiver, now noted as being sent to; None: nobody waits, or it was stopped."""
        rows = await self._sql.query(
            "UPDATE broadcast_receivers SET state = 'sending' WHERE broadcast = :id AND person ="
            " (SELECT person FROM broadcast_receivers WHERE broadcast = :id AND state = 'waiting' LIMIT 1)"
            " AND EXISTS (SELECT 1 FROM broadcasts WHERE id = :id AND state = 'running') RETURNING person",
            {"id": broadcast},
        )
        return rows[0]["person"] if rows else None

    async def settle(self, broadcast: str, person: str, receipt: Receipt) -> None:
        """Note what became of one receiver."""
        await self._sql.query(
            "UPDATE broadcast_receivers SET state = ? WHERE broadcast = ? AND person = ?",
            (receipt.value, broadcast, person),
        )

    async def interrupted(self, broadcast: str) -> None:
        """Those who were just being sent to when the service went down: nobody knows whether it arrived."""
        await self._sql.query(
            "UPDATE broadcast_receivers SET state = 'unsure' WHERE broadcast = ? AND state = 'sending'", (broadcast,)
        )

    async def tally(self, broadcast: str) -> dict[Receipt, int]:
        """How many receivers there are of each kind; every kind is there."""
        rows = await self._sql.query(
            "SELECT state, count(*) AS n FROM broadcast_receivers WHERE broadcast = ? GROUP BY state", (broadcast,)
        )
        return dict.fromkeys(Receipt, 0) | {Receipt(row["state"]): int(row["n"]) for row in rows}

    async def remove(self, broadcast: str) -> None:
        """Forget what was sent and to whom, once that is reported."""
        await self._sql.query("DELETE FROM broadcasts WHERE id = ?", (broadcast,))


# Whom the operator refuses is not written to either.
_RECEIVERS = (
    "SELECT id FROM correspondents WHERE id LIKE :platform || ':%' AND id != :author"
    " AND NOT EXISTS (SELECT 1 FROM people WHERE people.id = correspondents.id AND blocked)"
)


def _receivers(platform: str, author: str) -> dict[str, object]:
    return {"platform": platform, "author": author}


def _broadcast(row: sqlite3.Row) -> Broadcast:
    return Broadcast(row["id"], row["author"], row["content"], row["note"], Stage(row["state"]))
