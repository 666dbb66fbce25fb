"""One SQLite connection on its own thread, with errors that name the file and say what to do."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aiosqlite
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from storage.errors import StorageError

# A larger file is not read through at the start, which is to take no second: damage shows where it is met.
_CHECKED_BYTES = 16 * 1024 * 1024
_OLDEST_SQLITE = (3, 35, 0)  # RETURNING


class Sql:
    """Statements against one database file, each a transaction of its own.

    Every coroutine of the service shares the connection, so a transaction of several statements would take in its
    neighbours' as well: what must be atomic is written as one statement.
    """

    def __init__(self, path: Path, *, busy_timeout: float) -> None:
        self.path = path
        self._busy_timeout = busy_timeout
        self._connection: aiosqlite.Connection | None = None

    async def open(self, prepare: Callable[[sqlite3.Connection, Path], None]) -> None:
        """Connect, and run `prepare` on the connection, in a thread.

        Raises:
            StorageError: the file cannot be used; names it and says what to do.
        """

        def connect() -> sqlite3.Connection:
            _make_private(self.path)
            connection = sqlite3.connect(
                self.path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
            )
            try:
                _use_wal(connection, self._busy_timeout)
                _configure(connection, self.path)
                prepare(connection, self.path)
            except BaseException:
                connection.close()
                raise
            return connection

        try:
            # Opened before aiosqlite's own thread takes over: one that fails to open leaves that thread behind, which
            # then speaks to a loop that is closed already.
            opened = await asyncio.to_thread(connect)
        except (sqlite3.Error, OSError) as error:
            raise explain(error, self.path) from error
        self._connection = await aiosqlite.Connection(lambda: opened, iter_chunk_size=64)

    async def close(self) -> None:
        """Finish what is queued and let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def query(self, statement: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Run one statement and return its rows."""
        if self._connection is None:
            raise StorageError("database_failed", f"The database {self.path} is closed.")
        try:
            return list(await self._connection.execute_fetchall(statement, values))
        except sqlite3.Error as error:
            raise explain(error, self.path) from error


def explain(error: Exception, path: Path) -> StorageError:
    """What SQLite or the file system said, as an error that tells the operator what to do."""
    where = f"the database {path.absolute()}"
    if is_damage(error):
        return StorageError(
            "database_corrupt",
            f"{where[:1].upper()}{where[1:]} is damaged ({error}): move it away, and {path.name}-wal and "
            f"{path.name}-shm with it; then put back a copy, or start without.",
        )
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StorageError("database_locked", f"Another program holds {where}: end it, or set DATABASE_PATH.")
    if name.startswith("SQLITE_FULL"):
        return StorageError("disk_full", f"No space left for {where}: free some.")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")) or isinstance(error, OSError):
        return StorageError(
            "not_writable",
            f"Cannot write {where} ({error}): give file and folder to the service's user, or set DATABASE_PATH.",
        )
    return StorageError("database_failed", f"Cannot use {where}: {error}.")


def is_damage(error: Exception) -> bool:
    """Whether it says that the file itself is at fault."""
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def check(connection: sqlite3.Connection) -> None:
    """Read the whole file through.

    Raises:
        sqlite3.DatabaseError: it is damaged.
    """
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorname = "SQLITE_CORRUPT"
        raise error


def _make_private(path: Path) -> None:
    # It holds signing secrets and who asked for what: nobody but the service's user may read it. SQLite gives its
    # side files the same mode.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _use_wal(connection: sqlite3.Connection, patience: float) -> None:
    # SQLite does not wait for this one, whatever the timeout: two that change the journal of a new file at once would
    # deadlock, so it refuses the second at once (https://www.sqlite.org/c3ref/busy_handler.html).
    retrying = Retrying(
        retry=retry_if_exception(lambda error: getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY),
        wait=wait_random(0.01, 0.1),
        stop=stop_after_delay(patience),
        reraise=True,
    )
    retrying(connection.execute, "PRAGMA journal_mode = WAL")


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        wanted = ".".join(map(str, _OLDEST_SQLITE))
        raise StorageError(
            "database_failed", f"SQLite {sqlite3.sqlite_version} is too old: Python needs {wanted} or newer."
        )
    connection.row_factory = sqlite3.Row
    # FULL: a job is acknowledged once it is written down, and must outlive a power cut, not only a kill.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # What a person had wiped is overwritten in the file, not merely unlinked in it.
    connection.execute("PRAGMA secure_delete = ON")
    if os.path.getsize(path) <= _CHECKED_BYTES:
        check(connection)
