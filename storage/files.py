"""Objects as files: private to the service's user, written whole or not at all, read through signed links only."""

import asyncio
import errno
import hashlib
import hmac
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from storage.errors import ObjectMissing, StorageError
from storage.keys import checked_key

_HALF_WRITTEN = ".writing-"  # no key's part may start with a dot, so these never meet an object
_TRIES = 32  # at a folder that deletes keep removing
_ABANDONED_AFTER = 3_600.0  # seconds; a write takes milliseconds


class FileStore:
    """Objects under one folder (mode 0700). Several processes may use it at once.

    Args:
        root: the folder; made when missing.
        secret: key of the links' signatures (HMAC-SHA256).
        clock: unix seconds.
    """

    origin: str | None = None

    def __init__(self, root: Path, *, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self._secret = secret
        self._clock = clock

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._make_root)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store bytes. The content type isn't kept: whoever serves the file knows it by the key."""
        await asyncio.to_thread(self._write, self.root / checked_key(key), data)

    async def get(self, key: str) -> bytes:
        """The bytes; `ObjectMissing` when there are none."""
        return await asyncio.to_thread(self._read, checked_key(key))

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete the files, and the folders that become empty."""
        await asyncio.to_thread(self._delete, [checked_key(key) for key in keys])

    async def link(self, key: str, ttl: int, filename: str | None = None) -> str:
        """A path on our own server. The download's name isn't part of what is signed: it reveals nothing."""
        expires = str(int(self._clock()) + ttl)
        query = {"expires": expires, "signature": self._sign(checked_key(key), expires)}
        if filename is not None:
            query["filename"] = filename
        return f"/objects/{key}?{urlencode(query)}"

    def verify(self, key: str, expires: str, signature: str) -> bool:
        """Whether a link's parts are ours, untouched and not expired."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            return False
        good = hmac.compare_digest(self._sign(key, expires).encode(), signature.encode("utf-8", "replace"))
        return good and int(expires) > self._clock()

    async def stale(self, prefix: str, before: float) -> list[str]:
        """Keys under `prefix` last written before `before`. Files that a crash left half-written are deleted."""
        return await asyncio.to_thread(self._stale, prefix, before)

    async def check(self) -> None:
        """Write a probe and delete it; `StorageError` says why that failed."""
        await asyncio.to_thread(self._probe)

    def _sign(self, key: str, expires: str) -> str:
        return hmac.new(self._secret, f"GET\n{key}\n{expires}".encode(), hashlib.sha256).hexdigest()

    def _make_root(self) -> None:
        with self._explained():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _probe(self) -> None:
        with self._explained():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root) as probe:
                probe.write(b"probe")

    def _write(self, path: Path, data: bytes) -> None:
        with self._explained():
            handle, name = self._open_half_written(path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(name)
                raise
            sync_folder(path.parent)  # the new name, too, outlives a power cut

    def _open_half_written(self, folder: Path) -> tuple[int, str]:
        # A delete, also in another process, may remove the empty folder at any moment: between the two calls, or inside
        # `mkdir`, which then finds a name taken that is no folder a moment later. Then it is made again.
        error: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        for _ in range(_TRIES):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                return tempfile.mkstemp(prefix=_HALF_WRITTEN, dir=folder)
            except (FileNotFoundError, FileExistsError) as lost:
                error = lost  # a file that really is in the way is still there at the last try
        raise error

    def _read(self, key: str) -> bytes:
        with self._explained():
            try:
                return (self.root / key).read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise ObjectMissing(key) from None

    def _delete(self, keys: list[str]) -> None:
        with self._explained():
            for key in keys:
                path = self.root / key
                with suppress(FileNotFoundError, NotADirectoryError):
                    path.unlink()
                for folder in path.parents:
                    if folder == self.root or not _remove_if_empty(folder):
                        break

    def _stale(self, prefix: str, before: float) -> list[str]:
        keys = []
        with self._explained():
            for path, changed in _walk(self.root / prefix):
                if not path.name.startswith("."):
                    if changed < before:
                        keys.append(path.relative_to(self.root).as_posix())
                elif path.name.startswith(_HALF_WRITTEN) and changed < self._clock() - _ABANDONED_AFTER:
                    path.unlink(missing_ok=True)
        return sorted(keys)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _explain(error, self.root) from error


def _explain(error: OSError, root: Path) -> StorageError:
    where = f"the object folder {root.absolute()}"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageError("disk_full", f"No space left for {where}: free some, or lower LIMITS_KEEP_RESULTS.")
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return StorageError(
            "not_writable",
            f"Cannot write to {where}: {error.strerror}. Give it to the service's user, or set STORAGE_URL.",
        )
    if isinstance(error, FileExistsError | NotADirectoryError):
        return StorageError("not_writable", f"A file is in the way of {where}: move it, or set STORAGE_URL.")
    return StorageError("failed", f"Cannot use {where}: {error}.")


def sync_folder(folder: Path) -> None:
    """Make new names in a folder outlive a power cut."""
    # A folder that a delete removed in the meantime has no name left to sync.
    with suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:  # not empty
        return False
    return True


def _walk(folder: Path) -> Iterator[tuple[Path, float]]:
    """Files below a folder with the time of their last change; what vanishes meanwhile is left out."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            with suppress(FileNotFoundError):
                yield path, path.stat().st_mtime
