import asyncio
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from storage import Database, State, StorageError
from storage.migrations import Migration, known, migrate
from tests.storage.parts import job

TABLES = {
    "jobs",
    "people",
    "secrets",
    "migrations",
    "correspondents",
    "broadcasts",
    "broadcast_receivers",
    "mails",
    "painted",
    "arrivals",
}


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


async def fill(database: Database, count: int) -> None:
    for n in range(count):
        await database.jobs.add(job(f"job-{n}"))


async def test_an_empty_file_gets_every_migration_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "a.db"
    for _ in range(2):
        async with Database(path) as database:
            assert await database.jobs.unfinished() == []
    assert tables(path) == TABLES
    with closing(sqlite3.connect(path)) as connection:
        applied = connection.execute("SELECT number, name FROM migrations ORDER BY number").fetchall()
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert applied == [(migration.number, migration.name) for migration in known()]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.number for migration in known()] == list(range(1, len(known()) + 1))


def test_a_failing_migration_leaves_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Migration(len(known()) + 1, "bad", "CREATE TABLE half (a);\nCREATE TABLE half (a);\n")
    migrations = [*known(), bad]
    monkeypatch.setattr("storage.migrations.known", lambda: migrations)
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="half"):
            migrate(connection, path)
        newest = connection.execute("SELECT max(number) FROM migrations").fetchone()
    assert "half" not in tables(path)
    assert newest == (bad.number - 1,)


async def test_jobs_of_one_photo_are_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    with monkeypatch.context() as first_release, closing(sqlite3.connect(path, isolation_level=None)) as connection:
        first = known()[:1]
        first_release.setattr("storage.migrations.known", lambda: first)
        migrate(connection, path)
        for name, key in (("stored", "inputs/stored"), ("wiped", "")):
            connection.execute(
                "INSERT INTO jobs (id, platform, chat, message, attachment, person, options, reply, language, state,"
                " input_key, created_at, updated_at)"
                " VALUES (?, 'telegram', '1', ?, 'x', 'telegram:1', '{}', '{}', 'en', 'delivered', ?, 1, 1)",
                (name, name, key),
            )
    async with Database(path) as database:
        jobs = {one.id: one for one in await database.jobs.of("telegram:1")}
        assert {name: (one.inputs, one.missed) for name, one in jobs.items()} == {
            "stored": (("inputs/stored",), ("",)),
            "wiped": ((), ("",)),
        }
        assert await database.jobs.sharing_inputs(["inputs/stored"]) == 1
        assert [one.id for one in await database.jobs.with_old_inputs(2, limit=9)] == ["stored"]
        assert await database.jobs.painted() == 2  # neither has pictures any more, and had at least one


async def test_two_processes_may_start_at_once(tmp_path: Path) -> None:
    databases = [Database(tmp_path / "a.db") for _ in range(4)]
    try:
        await asyncio.gather(*(database.__aenter__() for database in databases))
        secrets = {await database.secret("links") for database in databases}
    finally:
        for database in databases:
            await database.__aexit__(None, None, None)
    assert len(secrets) == 1


async def test_opening_waits_for_a_write_of_another_process(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE theirs (n)")  # a journal that is not WAL yet, as in the first moment of a new file
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO theirs VALUES (1)")
        asyncio.get_running_loop().call_later(0.1, other.execute, "COMMIT")
        async with Database(path) as database:
            assert await database.jobs.add(job()) == job()


async def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with Database(path):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO migrations VALUES (999, 'tomorrow', 0)")
    with pytest.raises(StorageError, match=r"a\.db belongs to a newer release \(schema 999.*DATABASE_PATH") as caught:
        async with Database(path):
            pass
    assert caught.value.code == "database_newer"


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageError, match=r"a\.db is damaged.* a\.db-wal and a\.db-shm .*put back a copy") as caught:
        async with Database(path):
            pass
    assert caught.value.code == "database_corrupt"
    assert path.read_bytes().startswith(b"not a database")


async def test_a_damaged_page_is_found_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with Database(path) as database:
        await fill(database, 200)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 8_192)
    with pytest.raises(StorageError) as caught:
        async with Database(path):
            pass
    assert caught.value.code == "database_corrupt"


async def test_a_locked_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with Database(path, busy_timeout=0.05) as database:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StorageError, match=r"Another program holds .*a\.db") as caught:
                await database.jobs.add(job())
            other.execute("ROLLBACK")
        assert caught.value.code == "database_locked"
        assert await database.jobs.add(job()) == job()


@pytest.mark.parametrize(
    ("limit", "code", "words"),
    [
        ("max_page_count = 1", "disk_full", "No space left for the database"),
        ("query_only = ON", "not_writable", "set DATABASE_PATH"),
    ],
)
async def test_what_the_disk_refuses_is_explained(database: Database, limit: str, code: str, words: str) -> None:
    await database._sql.query(f"PRAGMA {limit}")
    with pytest.raises(StorageError, match=words) as caught:
        await fill(database, 1_000)
    assert caught.value.code == code
    assert str(database.path) in str(caught.value)


async def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"Cannot write the database {tmp_path}.*DATABASE_PATH") as caught:
        async with Database(tmp_path):
            pass
    assert caught.value.code == "not_writable"


async def test_a_file_in_the_way_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StorageError, match=r"Cannot write the database .*data/a\.db") as caught:
        async with Database(tmp_path / "data" / "a.db"):
            pass
    assert caught.value.code == "not_writable"


async def test_after_closing_an_error_says_so(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db")
    async with database:
        pass
    with pytest.raises(StorageError, match="is closed"):
        await database.jobs.get("a")


async def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    async with Database(tmp_path / "a.db") as database:
        made = await asyncio.gather(*(database.secret("links") for _ in range(10)))
        other = await database.secret("other")
    async with Database(tmp_path / "a.db") as database:
        assert {await database.secret("links")} == set(made)
    assert len(made[0]) == 32
    assert other != made[0]


# Accepts jobs as fast as it can, and says so of each.
ACCEPTING = """
import asyncio, sys
from itertools import count
from pathlib import Path
from storage import Database
from tests.storage.parts import job

async def main():
    async with Database(Path(sys.argv[1])) as database:
        for n in count():
            await database.jobs.add(job(f"job-{n}"))
            print(f"job-{n}", flush=True)

asyncio.run(main())
"""


async def test_an_accepted_job_outlives_a_kill(tmp_path: Path) -> None:
    path, root = tmp_path / "a.db", Path(__file__).parents[2]
    command = [sys.executable, "-c", ACCEPTING, str(path)]
    service = await asyncio.create_subprocess_exec(*command, cwd=root, stdout=asyncio.subprocess.PIPE)
    assert service.stdout is not None
    for _ in range(30):
        assert await service.stdout.readline()
    service.kill()
    told = {f"job-{n}" for n in range(30)} | set((await service.stdout.read()).decode().splitlines())
    await service.wait()
    async with Database(path) as database:
        kept = await database.jobs.unfinished()
    assert told <= {one.id for one in kept}
    assert {one.state for one in kept} == {State.QUEUED}
