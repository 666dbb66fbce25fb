"""A copy of the database that can be put back, made while the service runs or not."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from storage.errors import StorageError
from storage.sql import check, explain, is_damage


def back_up(path: Path, copy: Path) -> None:
    """Write all that is committed into a new file of mode 0600; the schema stays what it is.

    A `cp` would miss what is in the side file `-wal` only, which may be everything.

    Raises:
        StorageError: there is no database, it is damaged, or the copy exists or cannot be written; nothing is left.
    """
    if not path.is_file():
        raise StorageError("database_failed", f"There is no database {path.absolute()}: set DATABASE_PATH.")
    try:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise StorageError("not_writable", f"{copy.absolute()} exists: name a new file.") from None
    except OSError as error:
        raise StorageError("not_writable", f"Cannot write {copy.absolute()}: {error.strerror}.") from error
    try:
        _copy(path, copy)
    except BaseException:
        copy.unlink(missing_ok=True)
        raise


def _copy(path: Path, copy: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source:
            source.execute("SELECT 1 FROM sqlite_master").fetchone()  # what is wrong here is not the copy's fault
            with closing(sqlite3.connect(copy)) as target:
                _fill(target, source, copy)
                check(target)
    except sqlite3.Error as error:
        raise explain(error, path) from error


def _fill(target: sqlite3.Connection, source: sqlite3.Connection, copy: Path) -> None:
    try:
        source.backup(target)  # all in one step: who reads a WAL holds up no writer
    except sqlite3.Error as error:
        if is_damage(error):
            raise
        raise explain(error, copy) from error
