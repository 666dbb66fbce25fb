"""One service a database: a second one would take the first one's jobs for what a dead one left."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import StorageError


@contextmanager
def sole_service(database: Path) -> Iterator[None]:
    """Hold the file `DATABASE.lock` locked. The system lets go of it when the process ends, however it ends.

    Processes that this one starts don't hold it: the descriptor is closed in them (PEP 446). Another way to the same
    file, over a symbolic link, finds the same lock.

    Raises:
        StorageError: another process holds it, or the file can't be made.
    """
    path = Path(f"{os.path.realpath(database)}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _explain(error, path) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StorageError(
            "database_locked",
            f"Another service already runs on the database {database.absolute()}: stop it, or set DATABASE_PATH.",
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise _explain(error, path) from error
    try:
        yield
    finally:
        os.close(descriptor)  # the file stays: one that is removed could be locked by two, each an own one


def _explain(error: OSError, path: Path) -> StorageError:
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        what = f"Cannot write {path} ({error.strerror}): give it and its folder to the service's user"
        return StorageError("not_writable", f"{what}, or set DATABASE_PATH.")
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageError("disk_full", f"No space left for {path}: free some.")
    if error.errno in {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}:
        what = f"The folder of DATABASE_PATH can't be locked ({path}: {error.strerror})"
        return StorageError("database_failed", f"{what}: put the database on a local disk.")
    return StorageError("not_writable", f"Cannot make {path} ({error.strerror}): set DATABASE_PATH.")
