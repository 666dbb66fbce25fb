"""A copy of the database that can be put back, made while the service runs or not."""

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from storage.errors import StorageError
from storage.files import sync_folder
from storage.sql import check, explain, is_damage

_SIDES = ("", "-journal", "-wal", "-shm")  # SQLite leaves them where it cannot tidy up


def back_up(path: Path, copy: Path) -> None:
    """Write all that is committed into a new file of mode 0600; the schema stays what it is.

    A `cp` would miss what is in the side file `-wal` only, which may be everything. The copy has its name once it is
    whole: half of one, which a kill or a power cut leaves, would be taken for a database without jobs.

    Raises:
        StorageError: there is no database, it is damaged, or the copy exists or cannot be written; nothing is left.
    """
    if not path.is_file():
        raise StorageError("database_failed", f"There is no database {path.absolute()}: set DATABASE_PATH.")
    if os.path.lexists(copy):
        raise _exists(copy)
    try:
        handle, name = tempfile.mkstemp(dir=copy.parent, prefix=f".{copy.name}.")
        os.close(handle)
        try:
            _copy(path, Path(name), copy)
            _put_in_place(name, copy)
        finally:
            for side in _SIDES:
                with suppress(FileNotFoundError):
                    os.unlink(f"{name}{side}")
    except OSError as error:
        raise StorageError("not_writable", f"Cannot write {copy.absolute()}: {error.strerror}.") from error


def _copy(path: Path, beside: Path, copy: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source:
            source.execute("SELECT 1 FROM sqlite_master").fetchone()  # what is wrong here is not the copy's fault
            with closing(sqlite3.connect(beside)) as target:
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


def _put_in_place(beside: str, copy: Path) -> None:
    with open(beside, "rb+") as file:
        os.fsync(file.fileno())
    try:
        os.link(beside, copy)  # unlike a rename it overwrites nothing
    except FileExistsError:
        raise _exists(copy) from None
    except OSError:  # no links here, as on FAT: then only what came in this very moment is overwritten
        if os.path.lexists(copy):
            raise _exists(copy) from None
        os.rename(beside, copy)
    with suppress(OSError):  # the name is there; not every file system can be asked to keep it
        sync_folder(copy.parent)


def _exists(copy: Path) -> StorageError:
    return StorageError("not_writable", f"{copy.absolute()} exists: name a new file.")
