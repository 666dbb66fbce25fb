"""S3 in trouble: asked again with back-off, until it answers or there is an error that says so."""

from collections.abc import AsyncIterator

import pytest

from storage import ObjectStore, StorageError, open_store
from tests.fakes.s3 import S3Server
from tests.fakes.troubled import Trouble, Troubled, troubled


@pytest.fixture
async def front(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Troubled]:
    async with troubled(s3.endpoint) as front:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", front.address)
        monkeypatch.setattr("storage.s3.READ", 0.5)
        yield front


@pytest.fixture
async def store(front: Troubled, s3: S3Server) -> AsyncIterator[ObjectStore]:
    async with open_store(f"s3://{s3.bucket}/trouble", secret=b"") as opened:
        yield opened


@pytest.mark.parametrize("trouble", Trouble, ids=lambda trouble: trouble.name)
async def test_one_that_passes_is_not_noticed(store: ObjectStore, front: Troubled, trouble: Trouble) -> None:
    front.ahead = [trouble]
    await store.put("results/a/1.png", b"picture" * 1_000, "image/png")
    front.ahead = [trouble]
    if trouble is Trouble.HALF:  # botocore does not ask again for a body that broke off: the service does
        with pytest.raises(StorageError, match="No answer"):
            await store.get("results/a/1.png")
    assert await store.get("results/a/1.png") == b"picture" * 1_000
    front.ahead = [trouble]
    await store.delete(["results/a/1.png"])

    assert front.met == [trouble] * 3


@pytest.mark.parametrize("trouble", [Trouble.SLOW_DOWN, Trouble.TOO_MANY], ids=lambda trouble: trouble.name)
async def test_one_that_stays_is_told_after_some_tries(
    front: Troubled, s3: S3Server, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.s3.TRIES", 3)  # five would take ten seconds
    async with open_store(f"s3://{s3.bucket}/trouble", secret=b"") as store:
        front.ahead = [trouble] * 100

        with pytest.raises(StorageError) as told:
            await store.put("results/a/1.png", b"picture", "image/png")

    assert len(front.met) == 3
    assert "'pictures'" in str(told.value)
    assert front.address not in str(told.value)
