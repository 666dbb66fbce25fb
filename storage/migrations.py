"""Numbered migrations: `migrations/0001_name.sql` and on, each applied once, in order, in a transaction of its own."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from storage.errors import StorageError

_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at REAL NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema: its number (from 1, without gaps), its name and its SQL."""

    number: int
    name: str
    sql: str


def known() -> list[Migration]:
    """All migrations that this release carries, in order."""
    found = []
    for file in resources.files("storage").joinpath("migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name):
            found.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.number)


def migrate(connection: sqlite3.Connection, path: Path, clock: Callable[[], float] = time.time) -> None:
    """Bring a database to the newest schema; does nothing when it is there already.

    Raises:
        StorageError: a newer release has migrated it; names the file.
    """
    migrations = known()
    connection.execute(_TABLE)
    newest = connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()[0]
    if newest > migrations[-1].number:
        raise StorageError(
            "database_newer",
            f"The database {path.absolute()} belongs to a newer release (schema {newest}, this one knows "
            f"{migrations[-1].number}): update, or set DATABASE_PATH to another file.",
        )
    for migration in migrations[newest:]:
        _apply(connection, migration, clock())


def _apply(connection: sqlite3.Connection, migration: Migration, now: float) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again now that the write lock is ours: another process may have been first.
        if not connection.execute("SELECT 1 FROM migrations WHERE number = ?", (migration.number,)).fetchone():
            for statement in _statements(migration.sql):
                connection.execute(statement)
            row = (migration.number, migration.name, now)
            connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", row)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(sql: str) -> Iterator[str]:
    # Not executescript: it commits first, and a migration must be all or nothing.
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
