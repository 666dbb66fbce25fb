"""What the tests of this room share: a clock that they turn, a database and a store of files, and an S3 server."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage import Database, FileStore
from tests.fakes.s3 import S3Server, s3_server
from tests.storage.parts import DAY, START, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def database(tmp_path: Path, clock: Clock) -> AsyncIterator[Database]:
    clock.now = START - 2 * DAY  # one that has been in use for days
    async with Database(tmp_path / "data" / "test.db", clock=clock) as opened:
        clock.now = START
        yield opened


@pytest.fixture
async def files(tmp_path: Path, clock: Clock) -> AsyncIterator[FileStore]:
    async with FileStore(tmp_path / "objects", secret=b"s" * 32, clock=clock) as store:
        yield store


@pytest.fixture(scope="session")
def running_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(running_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with botocore's own variables leading to it."""
    for name, value in running_s3.environment.items():
        monkeypatch.setenv(name, value)
    return running_s3
