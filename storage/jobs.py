"""Jobs, written down before anybody is told of them, and the states they go through."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from storage.sql import Sql


class State(StrEnum):
    """Where a job is on its way."""

    QUEUED = "queued"
    RUNNING = "running"
    RENDERED = "rendered"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """Whether nothing comes after it."""
        return not TRANSITIONS[self]


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.FAILED, State.CANCELLED, State.EXPIRED}),
    # back to queued: its engine died, and it gets another attempt
    State.RUNNING: frozenset({State.QUEUED, State.RENDERED, State.FAILED, State.CANCELLED, State.EXPIRED}),
    State.RENDERED: frozenset({State.DELIVERED, State.FAILED, State.CANCELLED}),
    State.DELIVERED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
}

# With a plus before it, SQLite looks elsewhere for an index: to what is still stored, not to all that ever ended.
_ENDED = "state IN ('delivered', 'failed', 'cancelled', 'expired')"
_UNFINISHED = "state IN ('queued', 'running', 'rendered')"
_LISTED = "(SELECT value FROM json_each(?))"  # a JSON list: SQLite bounds the number of placeholders


@dataclass(frozen=True, slots=True)
class Source:
    """Where a photo or an album came from. Together the four are unique: a repeated update finds its job."""

    platform: str
    chat: str
    message: str
    attachment: str


@dataclass(frozen=True, slots=True)
class Job:
    """A photo, or several sent together, on the way to pictures.

    Args:
        person: `platform:id`.
        options, reply: JSON of those who wrote it; opaque here.
        code: why it ended without a picture.
        attempts: how often it was started.
        inputs: object key of each photo, empty for one that could not be taken in; none once they are wiped. Jobs made
            from the same photos have the same list.
        results: object keys of the pictures; empty again once they are wiped.
        found: faces in the photos, which may be more than were painted.
        missed: for each photo, why it has no picture; empty for one that has, or is still to be painted.
        created_at: unix seconds.
        updated_at: unix seconds of the last change of state.
        likeness: the same for two jobs only if they make the same pictures of the same photos; empty: not known.
    """

    id: str
    source: Source
    person: str
    options: str
    reply: str
    language: str
    state: State
    code: str | None
    attempts: int
    inputs: tuple[str, ...]
    results: tuple[str, ...]
    created_at: float
    updated_at: float
    found: int = 0
    missed: tuple[str, ...] = ("",)
    likeness: str = ""

    @property
    def reference(self) -> str:
        """What a person can quote, and an operator can find in the log."""
        return self.id[:8]

    @property
    def stored_inputs(self) -> tuple[str, ...]:
        """Object keys of the photos that were taken in and not wiped since."""
        return tuple(key for key in self.inputs if key)


class Jobs:
    """The table of jobs."""

    def __init__(self, sql: Sql, clock: Callable[[], float] = time.time) -> None:
        self._sql = sql
        self._clock = clock
        self._listeners: list[Callable[[Job], None]] = []

    def listen(self, changed: Callable[[Job], None]) -> None:
        """From now on `changed` is told of every job that was added or changed its state here, as it is then.

        It must raise nothing.
        """
        self._listeners.append(changed)

    async def add(self, job: Job) -> Job | None:
        """Write a job down; None when its source has one already (see `find`)."""
        row = _row(job)
        columns, values = ", ".join(row), ", ".join(f":{column}" for column in row)
        rows = await self._sql.query(
            f"INSERT INTO jobs ({columns}) VALUES ({values})"
            " ON CONFLICT (platform, chat, message, attachment) DO NOTHING RETURNING *",
            row,
        )
        return self._told(_first(rows))

    async def get(self, job_id: str) -> Job | None:
        """The job of this id."""
        return _first(await self._sql.query("SELECT * FROM jobs WHERE id = ?", (job_id,)))

    async def find(self, source: Source) -> Job | None:
        """The job of this source."""
        return _first(
            await self._sql.query(
                "SELECT * FROM jobs WHERE platform = ? AND chat = ? AND message = ? AND attachment = ?",
                (source.platform, source.chat, source.message, source.attachment),
            )
        )

    async def advance(
        self,
        job_id: str,
        to: State,
        *,
        code: str | None = None,
        results: Sequence[str] | None = None,
        found: int | None = None,
        missed: Sequence[str] | None = None,
    ) -> Job | None:
        """Change a job's state, if `TRANSITIONS` allows it from where the job is at this moment.

        One statement decides and writes, so of two that race only one wins. `code` replaces the one before, `results`,
        `found` and `missed` only when given; a change to running counts as an attempt.

        Returns:
            The job as it is now; None, with nothing changed, when it is unknown or the change isn't allowed.
        """
        return self._told(
            _first(
                await self._sql.query(
                    "UPDATE jobs SET state = :to, code = :code, results = coalesce(:results, results),"
                    " found = coalesce(:found, found), missed = coalesce(:missed, missed),"
                    " attempts = attempts + :attempt, updated_at = :now"
                    " WHERE id = :id AND state IN (SELECT value FROM json_each(:sources)) RETURNING *",
                    {
                        "to": to.value,
                        "code": code,
                        "results": None if results is None else _list(results),
                        "found": found,
                        "missed": None if missed is None else _list(missed),
                        "attempt": int(to is State.RUNNING),
                        "now": self._clock(),
                        "id": job_id,
                        "sources": json.dumps([state for state, targets in TRANSITIONS.items() if to in targets]),
                    },
                )
            )
        )

    async def put_back(self, job_id: str) -> Job | None:
        """A running job waits again as if it had never been started: no attempt is counted, no listener told.

        Returns:
            The job as it is now; None, with nothing changed, when it is not running.
        """
        return _first(
            await self._sql.query(
                "UPDATE jobs SET state = 'queued', attempts = attempts - 1, updated_at = ?"
                " WHERE id = ? AND state = 'running' RETURNING *",
                (self._clock(), job_id),
            )
        )

    async def remember(self, job_id: str, reply: str) -> None:
        """Replace what the door needs to answer. The job's times stay as they are."""
        await self._sql.query("UPDATE jobs SET reply = ? WHERE id = ?", (reply, job_id))

    async def unfinished(self) -> list[Job]:
        """Jobs that still owe an answer (queued, running, rendered), oldest first."""
        return await self._select(_UNFINISHED, ())

    async def nth_latest(self, person: str, n: int) -> float | None:
        """When a person sent the n-th latest of their jobs (unix seconds); None when there are fewer."""
        rows = await self._sql.query(
            "SELECT created_at FROM jobs WHERE person = ? ORDER BY created_at DESC LIMIT 1 OFFSET ?", (person, n - 1)
        )
        return rows[0]["created_at"] if rows else None

    async def photos_since(self, person: str, since: float) -> tuple[int, float]:
        """How many photos a person sent since then, and when the latest of them (unix seconds); 0, 0 for none."""
        rows = await self._sql.query(
            "SELECT coalesce(sum(json_array_length(missed)), 0) AS photos, coalesce(max(created_at), 0) AS latest"
            " FROM jobs WHERE person = ? AND created_at > ?",
            (person, since),
        )
        return rows[0]["photos"], rows[0]["latest"]

    async def nth_latest_photo(self, person: str, n: int, *, since: float) -> float | None:
        """When a person sent the n-th latest of their photos since then; None when there are fewer.

        Each photo of an album counts, also when it is wiped by now. For n below 1 it is the latest.
        """
        rows = await self._sql.query(
            "SELECT created_at FROM (SELECT created_at, sum(json_array_length(missed))"
            " OVER (ORDER BY created_at DESC, rowid DESC ROWS UNBOUNDED PRECEDING) AS photos"
            " FROM jobs WHERE person = ? AND created_at > ?) WHERE photos >= ? ORDER BY created_at DESC LIMIT 1",
            (person, since, n),
        )
        return rows[0]["created_at"] if rows else None

    async def count_waiting(self, person: str) -> int:
        """How many of a person's jobs are not painted yet (queued or running)."""
        return await self._count("person = ? AND state IN ('queued', 'running')", (person,))

    async def of(self, person: str) -> list[Job]:
        """A person's jobs, oldest first."""
        return await self._select("person = ?", (person,))

    async def latest(self, person: str, limit: int) -> list[Job]:
        """A person's delivered jobs whose pictures are stored, newest first."""
        where = "person = ? AND state = 'delivered' AND results != '[]'"
        return await self._select(where, (person, limit), order="created_at DESC, rowid DESC LIMIT ?")

    async def like(self, job: Job) -> Job | None:
        """The latest delivered job of the same person with the same likeness, if its pictures are stored."""
        if not job.likeness:
            return None
        # The second condition, which holds anyway, tells SQLite that the index serves.
        where = "likeness = ? AND likeness != '' AND person = ? AND state = 'delivered' AND results != '[]'"
        found = await self._select(where, (job.likeness, job.person), order="created_at DESC, rowid DESC LIMIT 1")
        return found[0] if found else None

    async def ended_before(self, time: float) -> list[Job]:
        """Jobs that ended before then (unix seconds), oldest first."""
        return await self._select(f"{_ENDED} AND updated_at < ?", (time,))

    async def remove(self, ids: Iterable[str]) -> None:
        """Delete rows; their objects go first (see `storage.retention`)."""
        await self._sql.query(f"DELETE FROM jobs WHERE id IN {_LISTED}", (json.dumps(list(ids)),))

    async def with_old_inputs(self, before: float, *, limit: int) -> list[Job]:
        """Jobs that ended before then and whose photos are stored, unless a later job uses the same photos."""
        return await self._select(
            f"inputs != '[]' AND +{_ENDED} AND updated_at < ? AND NOT EXISTS (SELECT 1 FROM jobs AS other"
            f" WHERE other.inputs = jobs.inputs AND (other.{_UNFINISHED} OR other.updated_at >= ?))",
            (before, before, limit),
            order="updated_at LIMIT ?",
        )

    async def with_old_results(self, before: float, *, limit: int) -> list[Job]:
        """Jobs that ended before then and whose pictures are stored."""
        where = f"results != '[]' AND +{_ENDED} AND updated_at < ?"
        return await self._select(where, (before, limit), order="updated_at LIMIT ?")

    async def remove_empty(self, before: float, *, limit: int) -> int:
        """Delete rows of jobs that ended before then and have no objects any more; returns how many."""
        rows = await self._sql.query(
            f"DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE {_ENDED} AND updated_at < ?"
            " AND inputs = '[]' AND results = '[]' LIMIT ?) RETURNING id",
            (before, limit),
        )
        return len(rows)

    async def sharing_inputs(self, inputs: Sequence[str]) -> int:
        """How many jobs are made from these photos."""
        return await self._count("inputs = ?", (_list(inputs),))

    async def inputs_wiped(self, ids: Iterable[str]) -> None:
        """Note that the photos of these jobs are gone."""
        await self._sql.query(f"UPDATE jobs SET inputs = '[]' WHERE id IN {_LISTED}", (json.dumps(list(ids)),))

    async def results_wiped(self, ids: Iterable[str]) -> None:
        """Note that the pictures of these jobs are gone."""
        await self._sql.query(f"UPDATE jobs SET results = '[]' WHERE id IN {_LISTED}", (json.dumps(list(ids)),))

    async def known(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that have a row."""
        rows = await self._sql.query(f"SELECT id FROM jobs WHERE id IN {_LISTED}", (json.dumps(list(ids)),))
        return {row["id"] for row in rows}

    async def counts(self) -> dict[State, int]:
        """How many jobs are in each state; every state is there."""
        rows = await self._sql.query("SELECT state, count(*) AS n FROM jobs GROUP BY state")
        return dict.fromkeys(State, 0) | {State(row["state"]): row["n"] for row in rows}

    async def painted(self) -> int:
        """How many pictures were ever painted, those of jobs wiped since among them."""
        return int((await self._sql.query("SELECT pictures FROM painted"))[0]["pictures"])

    def _told(self, job: Job | None) -> Job | None:
        if job is not None:
            for changed in self._listeners:
                changed(job)
        return job

    async def _select(self, where: str, values: Sequence[object], *, order: str = "created_at, rowid") -> list[Job]:
        rows = await self._sql.query(f"SELECT * FROM jobs WHERE {where} ORDER BY {order}", values)
        return [_job(row) for row in rows]

    async def _count(self, where: str, values: Sequence[object]) -> int:
        rows = await self._sql.query(f"SELECT count(*) AS n FROM jobs WHERE {where}", values)
        return int(rows[0]["n"])


def _list(texts: Sequence[str]) -> str:
    """As SQLite's own JSON functions write it, so that lists are equal when their texts are."""
    return json.dumps(list(texts), separators=(",", ":"))


def _first(rows: list[sqlite3.Row]) -> Job | None:
    return _job(rows[0]) if rows else None


def _row(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "platform": job.source.platform,
        "chat": job.source.chat,
        "message": job.source.message,
        "attachment": job.source.attachment,
        "person": job.person,
        "options": job.options,
        "reply": job.reply,
        "language": job.language,
        "state": job.state.value,
        "code": job.code,
        "attempts": job.attempts,
        "inputs": _list(job.inputs),
        "results": _list(job.results),
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "found": job.found,
        "missed": _list(job.missed),
        "likeness": job.likeness,
    }


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        source=Source(row["platform"], row["chat"], row["message"], row["attachment"]),
        person=row["person"],
        options=row["options"],
        reply=row["reply"],
        language=row["language"],
        state=State(row["state"]),
        code=row["code"],
        attempts=row["attempts"],
        inputs=tuple(json.loads(row["inputs"])),
        results=tuple(json.loads(row["results"])),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        found=row["found"],
        missed=tuple(json.loads(row["missed"])),
        likeness=row["likeness"],
    )
