"""Photos are opened in processes of their own, which are killed when they take too long or too much."""

import asyncio
import logging
import multiprocessing
import os
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self

from pebble import CONSTS, ProcessExpired, ProcessPool

from config import Settings
from inference import prepare_process
from inference.errors import PhotoTooLarge, PrepareTimeout
from inference.options import Options
from inference.prepare_process import Job, Prepared

log = logging.getLogger(__name__)


class Preparer:
    """The prepare processes, from `async with` to its end.

    Two at least, so that one photo which takes its full time does not hold up everybody else.
    """

    def __init__(self, settings: Settings, *, size: int, shown: int) -> None:
        self._settings = settings
        self._size = size
        self._shown = shown
        self._workers = min(4, max(2, (os.cpu_count() or 1) // 2))

    async def __aenter__(self) -> Self:
        self._pool = await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(_close, self._pool)

    async def prepare(self, data: bytes, options: Options) -> Prepared:
        """Decode, detect and crop one photo.

        Raises:
            InferenceError: as `prepare_process.prepare`; PrepareTimeout when its process was killed over it.
        """
        settings = self._settings
        if len(data) > settings.limits_photo_bytes:
            raise PhotoTooLarge(f"{len(data)} bytes; at most {settings.limits_photo_bytes} are taken")
        job = Job(
            options,
            settings.limits_photo_pixels,
            settings.limits_photo_side,
            settings.limits_faces,
            self._size,
            self._shown,
        )
        try:
            return await self._run(data, job)
        except BrokenProcessPool:  # idle processes died, through no fault of this photo
            return await self._run(data, job)

    async def _run(self, data: bytes, job: Job) -> Prepared:
        pool, timeout = self._pool, self._settings.limits_decode_seconds
        try:
            future = pool.schedule(prepare_process.prepare, (data, job), timeout=timeout)
        except RuntimeError as error:  # how pebble refuses work once it is broken
            await self._renew(pool)
            raise BrokenProcessPool(str(error)) from error
        try:
            return await asyncio.wrap_future(future)
        except TimeoutError:
            raise PrepareTimeout(f"not prepared within {timeout} s") from None
        except ProcessExpired as error:
            raise PrepareTimeout(f"the prepare process ended over it: {error}") from None
        except BrokenProcessPool:
            await self._renew(pool)
            raise

    async def _renew(self, broken: ProcessPool) -> None:
        if self._pool is broken:
            log.warning("the prepare processes ended; starting new ones")
            self._pool = self._open()
            await asyncio.to_thread(_close, broken)

    def _open(self) -> ProcessPool:
        CONSTS.term_timeout = 0.1  # our processes ignore SIGTERM: waiting for it to work is time lost
        pool = ProcessPool(
            max_workers=self._workers,
            initializer=prepare_process.start,
            initargs=(self._settings.limits_decode_bytes,),
            context=multiprocessing.get_context("spawn"),
        )
        # pebble starts its processes with the first task only; imports take half a second that nobody should wait for
        pool.schedule(prepare_process.awake)
        return pool


def _close(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()
