"""What the web door needs of the rooms behind it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from bots.allowance import Allowances
from bots.requests import Discarded, PhotoRequest, Progress
from inference import Options
from storage import Job, Source
from storage.retention import Forgotten


class Studio(Protocol):
    """The part of the studio that visitors reach."""

    allowances: Allowances

    @property
    def ready(self) -> bool: ...

    async def accept(self, request: PhotoRequest, *photos: AsyncIterator[bytes]) -> Job: ...

    async def repaint(
        self, job_id: str, person: str, options: Options, source: Source, *, reply: str, language: str
    ) -> Job: ...

    async def cancel(self, job_id: str, person: str) -> bool: ...

    async def discard(self, job_id: str, person: str) -> Discarded | None: ...

    async def forget(self, person: str) -> Forgotten: ...

    async def job(self, job_id: str) -> Job | None: ...

    async def painted(self) -> int: ...

    def progress_of(self, job_id: str) -> Progress | None: ...

    async def link(self, key: str) -> str: ...

    def sign(self, purpose: str, text: str) -> str: ...

    def verify(self, purpose: str, text: str, signature: str) -> bool: ...


class Store(Protocol):
    """The part of an object store that pages and links need. `origin` is scheme://host of its links, if not ours."""

    @property
    def origin(self) -> str | None: ...

    async def get(self, key: str) -> bytes: ...

    async def link(self, key: str, ttl: int, filename: str | None = None) -> str: ...

    async def check(self) -> None: ...


@runtime_checkable
class SigningStore(Protocol):
    """A store that cannot serve its links itself (files on disk): this door does, for links that verify."""

    async def get(self, key: str) -> bytes: ...

    def verify(self, key: str, expires: str, signature: str) -> bool: ...


class Mailroom(Protocol):
    """Where visitors leave an address to be written to."""

    def room_for(self, address: str) -> AbstractAsyncContextManager[None]: ...

    async def promise(self, job: Job, address: str) -> None: ...
