"""Copies of the database: complete while it is in use, and never at the cost of what is there."""

import asyncio
import errno
import re
import resource
import shutil
import signal
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from storage import Database, StorageError
from storage.backup import back_up
from tests.storage.parts import job


def side_files(path: Path) -> list[Path]:
    return [side for side in (path.with_name(f"{path.name}-{kind}") for kind in ("wal", "shm")) if side.exists()]


def hidden(folder: Path) -> list[Path]:
    return list(folder.glob(".copy.db.*"))


async def test_a_copy_has_what_is_in_the_side_file_only(database: Database, tmp_path: Path) -> None:
    await database.jobs.add(job())
    copied = tmp_path / "by-cp.db"
    shutil.copy(database.path, copied)
    with closing(sqlite3.connect(copied)) as plain, pytest.raises(sqlite3.OperationalError, match="no such table"):
        plain.execute("SELECT * FROM jobs")

    back_up(database.path, tmp_path / "copy.db")
    secret = await database.secret("links")
    back_up(database.path, tmp_path / "later.db")

    assert await database.jobs.add(job("b")) == job("b")  # it is used as before
    async with Database(tmp_path / "later.db") as restored:
        assert [one.id for one in await restored.jobs.unfinished()] == ["a"]
        assert await restored.secret("links") == secret
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert side_files(tmp_path / "copy.db") == []


async def test_a_copy_put_back_without_the_side_files_is_what_was(tmp_path: Path) -> None:
    path, killed, copy = tmp_path / "a.db", tmp_path / "killed", tmp_path / "copy.db"
    killed.mkdir()
    async with Database(path) as database:
        await database.jobs.add(job("before"))
        back_up(path, copy)
        await database.jobs.add(job("after"))
        for file in (path, *side_files(path)):  # as a kill leaves them
            shutil.copy(file, killed)
    for file in side_files(killed / "a.db"):
        file.unlink()
    shutil.copy(copy, killed / "a.db")
    async with Database(killed / "a.db") as database:
        assert [one.id for one in await database.jobs.unfinished()] == ["before"]


async def test_nothing_is_overwritten(database: Database, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("last week's")
    for there in (tmp_path / "copy.db", database.path):
        with pytest.raises(StorageError, match=f"{re.escape(str(there))} exists: name a new file"):
            back_up(database.path, there)
    assert (tmp_path / "copy.db").read_text() == "last week's"
    assert await database.jobs.add(job()) == job()


async def test_a_newer_schema_is_copied_as_it_is(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    async with Database(path):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO migrations VALUES (999, 'tomorrow', 0)")
    back_up(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT max(number) FROM migrations").fetchone() == (999,)


async def test_a_damaged_database_gives_no_copy(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    async with Database(path) as database:
        for n in range(200):
            await database.jobs.add(job(f"job-{n}"))
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 8_192)
    with pytest.raises(StorageError, match=r"a\.db is damaged") as caught:
        back_up(path, copy)
    assert caught.value.code == "database_corrupt"
    assert not copy.exists()


@pytest.mark.parametrize(
    ("path", "copy", "words"),
    [
        ("none.db", "copy.db", r"There is no database .*none\.db: set DATABASE_PATH"),
        ("text.db", "copy.db", r"text\.db is damaged .* text\.db-wal and text\.db-shm with it"),
        ("a.db", "nowhere/copy.db", r"Cannot write .*nowhere/copy\.db: No such file or directory"),
    ],
)
async def test_what_is_wrong_is_named(tmp_path: Path, path: str, copy: str, words: str) -> None:
    async with Database(tmp_path / "a.db"):
        pass
    (tmp_path / "text.db").write_text("no database at all" * 100)
    with pytest.raises(StorageError, match=words):
        back_up(tmp_path / path, tmp_path / copy)
    assert not (tmp_path / copy).exists()


KILLED = """
import os, pathlib, signal, sqlite3, sys
from storage import backup
def killed(*_):
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()
backup.check = killed
backup.back_up(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
"""


async def test_one_that_is_killed_leaves_no_copy(database: Database, tmp_path: Path) -> None:
    await database.jobs.add(job())
    copy = tmp_path / "copy.db"
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, database.path, copy)
    assert await killed.wait() == -signal.SIGTERM
    assert not copy.exists()
    assert {stat.S_IMODE(left.stat().st_mode) for left in hidden(tmp_path)} == {0o600}
    back_up(database.path, copy)
    assert copy.exists()


async def test_on_a_full_disk_nothing_is_left(database: Database, tmp_path: Path) -> None:
    await database.jobs.add(replace(job(), options="x" * 4_000_000))  # more than SQLite keeps in memory
    (folder := tmp_path / "full").mkdir()
    with at_most(1_000_000), pytest.raises(StorageError, match=r"/full/copy\.db"):
        back_up(database.path, folder / "copy.db")
    assert list(folder.iterdir()) == []


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Files of this process end there: to SQLite that is a disk with no space left."""
    before, limit = signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)


async def test_a_file_that_came_meanwhile_is_not_overwritten(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.db"
    monkeypatch.setattr("storage.backup.check", lambda _: copy.write_text("another's"))
    with pytest.raises(StorageError, match="exists: name a new file"):
        back_up(database.path, copy)
    assert copy.read_text() == "another's"
    assert hidden(tmp_path) == []


async def test_a_file_system_without_links_takes_a_copy_as_well(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")  # as FAT says it

    monkeypatch.setattr("os.link", refused)
    await database.jobs.add(job())
    back_up(database.path, tmp_path / "copy.db")
    async with Database(tmp_path / "copy.db") as restored:
        assert [one.id for one in await restored.jobs.unfinished()] == ["a"]
    with pytest.raises(StorageError, match="exists: name a new file"):
        back_up(database.path, tmp_path / "copy.db")
