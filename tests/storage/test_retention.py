import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from storage import Database, FileStore, ObjectMissing, Person, State, StorageError, input_key, result_keys
from storage.keys import painted_keys
from storage.retention import Forgotten, Swept, forget, sweep
from tests.storage.parts import DAY, HOUR, START, WAYS, Clock, job

KEEP = {"keep_inputs": HOUR, "keep_results": 7 * DAY}
NOTHING = Swept(photos=0, pictures=0, jobs=0, abandoned=0)


async def put(files: FileStore, *keys: str, at: float = START) -> None:
    for key in keys:
        await files.put(key, b"x", "image/png")
        os.utime(files.root / key, (at, at))


async def paint(
    database: Database, files: FileStore, job_id: str, state: State = State.DELIVERED, *, person: str = "telegram:1"
) -> None:
    """A job with its photo and, from rendered on, two pictures."""
    await database.jobs.add(job(job_id, person=person))
    await put(files, input_key(job_id))
    for step in WAYS[state]:
        results = result_keys(job_id, 1) if step is State.RENDERED else None
        await put(files, *(results or ()))
        await database.jobs.advance(job_id, step, results=results)


def stored(files: FileStore) -> set[str]:
    return {path.relative_to(files.root).as_posix() for path in files.root.rglob("*") if path.is_file()}


async def test_photos_go_first_then_pictures_then_rows(database: Database, files: FileStore) -> None:
    await paint(database, files, "a")
    assert await sweep(database, files, **KEEP, now=START + HOUR) == NOTHING
    assert await sweep(database, files, **KEEP, now=START + HOUR + 1) == replace(NOTHING, photos=1)
    assert await sweep(database, files, **KEEP, now=START + HOUR + 1) == NOTHING
    assert stored(files) == set(result_keys("a", 1))
    found = await database.jobs.get("a")
    assert found is not None
    assert (found.inputs, found.results) == ((), result_keys("a", 1))
    assert await sweep(database, files, **KEEP, now=START + 7 * DAY) == NOTHING
    assert await sweep(database, files, **KEEP, now=START + 7 * DAY + 1) == replace(NOTHING, pictures=2, jobs=1)
    assert stored(files) == set()
    assert await database.jobs.get("a") is None


async def test_a_row_outlives_its_objects_as_long_as_a_platform_repeats_itself(
    database: Database, files: FileStore
) -> None:
    await paint(database, files, "a")
    swept = await sweep(database, files, keep_inputs=0, keep_results=60, now=START + 61)
    assert swept == replace(NOTHING, photos=1, pictures=2)
    found = await database.jobs.get("a")
    assert found is not None
    assert found.results == ()
    assert (await sweep(database, files, keep_inputs=0, keep_results=60, now=START + DAY + 1)).jobs == 1


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.RENDERED])
async def test_what_has_not_ended_keeps_everything(database: Database, files: FileStore, state: State) -> None:
    await paint(database, files, "a", state)
    before = stored(files)
    assert await sweep(database, files, **KEEP, now=START + 30 * DAY) == NOTHING
    assert stored(files) == before


async def test_a_photo_in_use_again_is_kept(database: Database, files: FileStore, clock: Clock) -> None:
    await paint(database, files, "a")
    await database.jobs.add(replace(job("b"), inputs=(input_key("a"),)))
    assert await sweep(database, files, **KEEP, now=START + DAY) == NOTHING
    clock.now = START + DAY
    await database.jobs.advance("b", State.CANCELLED)
    assert await sweep(database, files, **KEEP, now=clock.now + 60) == NOTHING
    assert (await sweep(database, files, **KEEP, now=clock.now + HOUR + 1)).photos == 1


async def test_objects_that_no_row_leads_to_are_deleted(database: Database, files: FileStore) -> None:
    await paint(database, files, "a", State.RUNNING)
    await put(files, "results/a/1.png")
    await put(files, "inputs/lost", "results/lost/1.png", at=START - HOUR)
    await put(files, "inputs/arriving", at=START)
    assert await sweep(database, files, **KEEP, now=START + 1) == replace(NOTHING, abandoned=2)
    assert stored(files) == {"inputs/a/1", "results/a/1.png", "inputs/arriving"}


async def test_what_a_worker_handed_over_and_nobody_took_is_deleted_beside_its_job(
    database: Database, files: FileStore
) -> None:
    await paint(database, files, "a", State.RUNNING)
    await put(files, *painted_keys("a", 1, 1), at=START - HOUR)
    await put(files, *painted_keys("a", 2, 1), at=START)
    assert await sweep(database, files, **KEEP, now=START + 1, thorough=False) == replace(NOTHING, abandoned=2)
    assert stored(files) == {"inputs/a/1", *painted_keys("a", 2, 1)}


async def test_what_is_older_than_a_new_database_stays_for_its_first_day(
    tmp_path: Path, files: FileStore, clock: Clock
) -> None:
    await put(files, "inputs/old", "results/old/1.png", at=START - DAY)
    await put(files, "results/lost/1.png", at=START + 1)
    async with Database(tmp_path / "new.db", clock=clock) as database:
        assert await sweep(database, files, **KEEP, now=START + 2 * HOUR) == replace(NOTHING, abandoned=1, spared=2)
        assert stored(files) == {"inputs/old", "results/old/1.png"}
        assert await sweep(database, files, **KEEP, now=START + DAY) == replace(NOTHING, abandoned=2)
    assert stored(files) == set()


async def test_a_quick_sweep_leaves_the_long_look_out(database: Database, files: FileStore) -> None:
    await put(files, "inputs/lost", "results/lost/1.png", at=START - HOUR)
    quick = await sweep(database, files, **KEEP, now=START + 1, thorough=False)
    assert quick == replace(NOTHING, abandoned=1)
    assert stored(files) == {"results/lost/1.png"}


async def test_more_jobs_than_are_taken_at_a_time(
    database: Database, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.retention._BATCH", 2)
    for n in range(5):
        await paint(database, files, f"job-{n}")
    swept = await sweep(database, files, **KEEP, now=START + 8 * DAY)
    assert swept == Swept(photos=5, pictures=10, jobs=5, abandoned=0)


async def test_all_photos_of_an_album_go_when_no_later_job_needs_them(database: Database, files: FileStore) -> None:
    keys = ("inputs/a/1", "", "inputs/a/3")
    missed = ("", "unreadable", "")
    await put(files, keys[0], keys[2])
    for job_id, at in (("a", START), ("b", START + HOUR)):  # b: painted again
        await database.jobs.add(replace(job(job_id), inputs=keys, missed=missed))
        await database._sql.query("UPDATE jobs SET state = 'delivered', updated_at = ? WHERE id = ?", (at, job_id))
    assert (await sweep(database, files, **KEEP, now=START + 1.5 * HOUR)).photos == 0
    assert (await sweep(database, files, **KEEP, now=START + 2.1 * HOUR)).photos == 2
    assert stored(files) == set()
    assert [one.inputs for one in await database.jobs.of("telegram:1")] == [(), ()]


@pytest.mark.parametrize(
    ("ask", "index"), [("with_old_inputs", "jobs_with_inputs"), ("with_old_results", "jobs_with_results")]
)
async def test_a_sweep_looks_only_at_what_is_stored(
    database: Database, monkeypatch: pytest.MonkeyPatch, ask: str, index: str
) -> None:
    asked: list[tuple[str, Sequence[object]]] = []

    async def note(statement: str, values: Sequence[object] = ()) -> list[object]:
        asked.append((statement, values))
        return []

    with monkeypatch.context() as patch:
        patch.setattr(database.jobs._sql, "query", note)
        await getattr(database.jobs, ask)(START, limit=5)
    [(statement, values)] = asked
    plan = await database.jobs._sql.query(f"EXPLAIN QUERY PLAN {statement}", values)
    assert f"USING INDEX {index} " in plan[0]["detail"]


async def test_a_sweep_cut_short_is_finished_by_the_next(
    database: Database, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paint(database, files, "a")

    async def fail(keys: list[str]) -> None:
        raise StorageError("unreachable", "no answer")

    with monkeypatch.context() as patch:
        patch.setattr(files, "delete", fail)
        with pytest.raises(StorageError, match="no answer"):
            await sweep(database, files, **KEEP, now=START + 8 * DAY)
    assert await sweep(database, files, **KEEP, now=START + 8 * DAY) == replace(NOTHING, photos=1, pictures=2, jobs=1)
    assert stored(files) == set()


async def test_forgetting_wipes_one_person_everywhere(database: Database, files: FileStore) -> None:
    for state in State:
        await paint(database, files, state.value, state)
    await paint(database, files, "theirs", person="telegram:2")
    await put(files, "results/running/1.png")  # stored a moment before its row says so
    await database.people.set_language("telegram:1", "ja")
    wiped = await forget(database, files, "telegram:1")
    assert wiped == Forgotten(jobs=7, photos=7, pictures=5, settings=True, blocked=False)
    assert stored(files) == {input_key("theirs"), *result_keys("theirs", 1)}
    assert await database.jobs.of("telegram:1") == []
    assert len(await database.jobs.of("telegram:2")) == 1
    assert await database.people.get("telegram:1") == Person("telegram:1")
    again = await forget(database, files, "telegram:1")
    assert again == Forgotten(jobs=0, photos=0, pictures=0, settings=False, blocked=False)
    with pytest.raises(ObjectMissing):
        await files.get(input_key("running"))


async def test_whoever_paints_for_a_forgotten_person_learns_of_it(database: Database, files: FileStore) -> None:
    await paint(database, files, "a", State.RUNNING)
    await forget(database, files, "telegram:1")
    assert await database.jobs.advance("a", State.RENDERED, results=result_keys("a", 1)) is None


async def test_forgetting_cut_short_leaves_rows_that_lead_to_the_rest(
    database: Database, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await paint(database, files, "a")
    await paint(database, files, "b", State.QUEUED)
    await database.people.block("telegram:1", True)

    async def fail(keys: list[str]) -> None:
        raise StorageError("unreachable", "no answer")

    with monkeypatch.context() as patch:
        patch.setattr(files, "delete", fail)
        with pytest.raises(StorageError, match="no answer"):
            await forget(database, files, "telegram:1")
    assert [one.state for one in await database.jobs.of("telegram:1")] == [State.DELIVERED, State.CANCELLED]
    wiped = await forget(database, files, "telegram:1")
    assert wiped == Forgotten(jobs=2, photos=2, pictures=2, settings=False, blocked=True)
    assert stored(files) == set()
