"""The one interface to stored objects, whether they are files or lie in S3.

Keys (made in storage.keys): a photo is `inputs/{job_id}`; its pictures are `results/{job_id}/{n}.png`, each beside the
crop it was painted from, `results/{job_id}/{n}-original.jpg` (n from 1). Retention and deletion go by these prefixes.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

from storage.errors import StorageError


class ObjectStore(Protocol):
    """Private objects by key; an async context manager that owns its connections."""

    @property
    def origin(self) -> str | None:
        """`scheme://host` that links begin with (for a page's content policy); None: links are paths of our own."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store bytes, durably, in place of what was there; nobody ever reads half of them."""

    async def get(self, key: str) -> bytes:
        """The bytes stored under this key.

        Raises:
            ObjectMissing: there are none.
        """

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are gone already count as deleted."""

    async def link(self, key: str, ttl: int, filename: str | None = None) -> str:
        """A signed link that works for `ttl` seconds; with `filename` it downloads under that name."""

    async def stale(self, prefix: str, before: float) -> list[str]:
        """Keys under `prefix` whose objects were written before `before` (unix seconds)."""

    async def check(self) -> None:
        """Prove that the store can be used.

        Raises:
            StorageError: it cannot; says what to do.
        """


def open_store(url: str, *, secret: bytes) -> ObjectStore:
    """The store behind `file:PATH` or `s3://BUCKET/PREFIX`; enter it with `async with`.

    Args:
        secret: signs links to files; S3 signs with its own credentials.

    Raises:
        StorageError: the address is neither.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        from storage.files import FileStore

        return FileStore(Path(parts.path), secret=secret)
    if parts.scheme == "s3" and parts.netloc:
        from storage.s3 import S3Store  # only here: its SDK is slow to import, and files do without

        return S3Store(parts.netloc, prefix=parts.path.strip("/"))
    raise StorageError(
        "bad_url", f"STORAGE_URL = {url!r}: must be file:PATH (file:data/objects) or s3://BUCKET/PREFIX."
    )


@contextlib.asynccontextmanager
async def all_or_none(store: ObjectStore, keys: Sequence[str]) -> AsyncIterator[None]:
    """What is put meanwhile is deleted again when an exception leaves this.

    Args:
        keys: of all that is put, may grow meanwhile; empty ones stand for nothing.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(StorageError):  # what stays behind is found by its age
            await store.delete([key for key in keys if key])
        raise
