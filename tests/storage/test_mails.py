"""Promised mails: what is due, what stays of an address, and what goes with its job."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage import Database, FileStore, State, input_key, result_keys
from storage.addresses import clean_address, digest_of
from storage.migrations import known, migrate
from storage.retention import forget, forget_mailbox, sweep
from tests.storage.parts import DAY, HOUR, START, Clock, add_in, job

ANN = "ann@example.org"
SECRET = b"s" * 32


async def promise(database: Database, job_id: str = "a", address: str = ANN, at: float = START) -> bool:
    return await database.mails.add(job_id, address, digest_of(address, SECRET), at)


async def rows(database: Database) -> list[tuple[str, str]]:
    found = await database.mails._sql.query("SELECT job, address FROM mails ORDER BY job")
    return [(row["job"], row["address"]) for row in found]


@pytest.mark.parametrize("state", [state for state in State if state.ended])
async def test_a_mail_is_due_once_its_job_has_ended(database: Database, state: State) -> None:
    await add_in(database, State.QUEUED)
    assert await promise(database)
    assert await database.mails.due(START, limit=9) == []
    await add_in(database, state, "b")
    await promise(database, "b")
    [due] = await database.mails.due(START, limit=9)
    assert (due.job, due.address, due.attempts, due.ended_at) == ("b", ANN, 0, START)
    assert ANN not in repr(due)


async def test_put_off_settled_and_never_promised_twice(database: Database) -> None:
    await add_in(database, State.DELIVERED)
    await promise(database)
    await database.mails.put_off("a", START + 60)
    assert await database.mails.due(START + 59, limit=9) == []
    assert [mail.attempts for mail in await database.mails.due(START + 60, limit=9)] == [1]
    await database.mails.settle("a")
    assert not await promise(database)
    assert await database.mails.due(START + DAY, limit=9) == []
    assert await rows(database) == [("a", "")]


async def test_mails_to_one_address_are_counted_without_it(database: Database) -> None:
    for number, name in enumerate("abc"):
        await add_in(database, State.DELIVERED, name)
        await promise(database, name, ANN.upper() if name == "b" else ANN, START + number)
        await database.mails.settle(name)
    digest = digest_of(ANN, SECRET)
    assert [await database.mails.nth_latest(digest, n) for n in (1, 3, 4)] == [START + 2, START, None]
    assert await database.mails.nth_latest(digest_of(ANN, b"another"), 1) is None


async def test_a_mail_goes_with_its_job(database: Database, files: FileStore) -> None:
    for name, person in (("a", "telegram:1"), ("b", "telegram:2")):
        await database.jobs.add(job(name, person=person))
        await promise(database, name)
    await forget(database, files, "telegram:1")
    assert await rows(database) == [("b", ANN)]
    await database.jobs.advance("b", State.CANCELLED)
    await sweep(database, files, keep_inputs=0, keep_results=60, now=START + 8 * DAY)
    assert await rows(database) == []


async def test_nobody_keeps_an_address_that_no_postman_asks_for(database: Database, files: FileStore) -> None:
    await add_in(database, State.DELIVERED)
    await add_in(database, State.QUEUED, "b")
    for name in "ab":
        await promise(database, name)
    keep = {"keep_inputs": HOUR, "keep_results": 7 * DAY}
    await sweep(database, files, **keep, now=START + DAY)
    assert await rows(database) == [("a", ANN), ("b", ANN)]
    await sweep(database, files, **keep, now=START + DAY + 2 * HOUR)
    assert await rows(database) == [("a", ""), ("b", ANN)]


async def test_a_mailbox_is_forgotten_wherever_its_photos_came_from(
    database: Database, files: FileStore, clock: Clock
) -> None:
    for name, person, address in (("a", "web:1", ANN), ("b", "web:2", "Ann@example.org"), ("c", "web:1", "bob@b.org")):
        await database.jobs.add(job(name, person=person))
        await promise(database, name, address)
        await files.put(input_key(name), b"x", "image/png")
    for key in result_keys("a", 1):
        await files.put(key, b"x", "image/png")
    for step in (State.RUNNING, State.RENDERED, State.DELIVERED):
        await database.jobs.advance("a", step, results=result_keys("a", 1))
    await database.mails.settle("a")
    wiped = await forget_mailbox(database, files, digest_of(ANN, SECRET))
    assert (wiped.jobs, wiped.photos, wiped.pictures) == (2, 2, 2)
    assert await rows(database) == [("c", "bob@b.org")]
    assert await files.stale("", float("inf")) == [input_key("c")]
    again = await forget_mailbox(database, files, digest_of(ANN, SECRET))
    assert (again.jobs, again.photos, again.pictures) == (0, 0, 0)


async def test_whoever_looks_for_work_looks_at_nothing_else(database: Database) -> None:
    plan = await database.mails._sql.query(
        "EXPLAIN QUERY PLAN SELECT job FROM mails WHERE mails.address != '' AND mails.due <= ? ORDER BY due", (START,)
    )
    assert "mails_due" in plan[0]["detail"]


async def test_a_database_of_the_release_before_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    with monkeypatch.context() as before, closing(sqlite3.connect(path, isolation_level=None)) as connection:
        first = known()[:4]
        before.setattr("storage.migrations.known", lambda: first)
        migrate(connection, path)
        connection.execute(
            "INSERT INTO jobs (id, platform, chat, message, attachment, person, options, reply, language, state,"
            " inputs, created_at, updated_at)"
            " VALUES ('a', 'web', '1', '1', 'photo', 'web:1', '{}', '', 'en', 'delivered', '[]', 1, 1)"
        )
    async with Database(path) as database:
        assert await promise(database)
        assert [mail.job for mail in await database.mails.due(START, limit=9)] == ["a"]


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        (ANN, ANN),
        (" Ann.B+c@Example.ORG ", "Ann.B+c@example.org"),
        ("a@bücher.de", "a@xn--bcher-kva.de"),
    ],
)
def test_addresses_that_are_taken(given: str, clean: str) -> None:
    assert clean_address(given) == clean


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ann",
        "ann@localhost",
        "Ann <ann@example.org>",
        "ann@example.org\r\nBcc: bob@example.org",
        "ann\n@example.org",
        "ann@example.org,bob@example.org",
        "ann@[127.0.0.1]",
        "a" * 300 + "@example.org",
    ],
)
def test_addresses_that_are_refused_are_not_repeated(given: str) -> None:
    with pytest.raises(ValueError, match="no e-mail address") as error:
        clean_address(given)
    assert str(error.value) == "no e-mail address"
    assert error.value.__cause__ is None
