"""Make the place for objects: private from its first moment, and with its own rules for what grows old."""

import asyncio
from collections.abc import AsyncIterator

from storage.files import FileStore
from storage.objects import ObjectStore


async def provision(store: ObjectStore, *, keep_inputs: float, keep_results: float) -> AsyncIterator[str]:
    """Prepare an entered store; may be run again at any time. Yields a line for the operator after each step.

    Args:
        keep_inputs: seconds after which a photo is deleted at the latest.
        keep_results: seconds after which a picture is.

    Raises:
        StorageError: a step failed; says what to do.
    """
    if isinstance(store, FileStore):
        await asyncio.to_thread(store.root.chmod, 0o700)
        await store.check()
        yield f"{store.root.absolute()}: ready, and readable by this user only. Old files go with each sweep."
        return
    from storage.s3 import S3Store
    from storage.s3_provision import provision_bucket

    if isinstance(store, S3Store):
        async for line in provision_bucket(store, keep_inputs=keep_inputs, keep_results=keep_results):
            yield line
