import asyncio
from dataclasses import replace
from itertools import product

import pytest

from storage import Database, Source, State
from storage.jobs import TRANSITIONS, Job
from tests.storage.parts import START, Clock, add_in, job

# Written out once more, so that a slip in the table of the room is noticed here.
ALLOWED = {
    ("queued", "running"),
    ("queued", "cancelled"),
    ("queued", "expired"),
    ("queued", "failed"),
    ("running", "queued"),
    ("running", "rendered"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "expired"),
    ("rendered", "delivered"),
    ("rendered", "failed"),
    ("rendered", "cancelled"),
}


async def test_a_job_comes_back_as_it_went_in(database: Database) -> None:
    full = replace(
        job(), state=State.RENDERED, code="x", attempts=2, results=("results/a/1.png",), found=3, likeness="x"
    )
    assert await database.jobs.add(full) == full
    assert await database.jobs.get("a") == full
    assert await database.jobs.find(full.source) == full
    assert await database.jobs.get("b") is None
    assert await database.jobs.find(Source("telegram", "10", "other", "0")) is None


async def test_a_job_of_several_photos_comes_back_as_it_went_in(database: Database) -> None:
    album = replace(job(), inputs=("inputs/a/1", "", "inputs/a/3"), missed=("", "photo_too_large", ""))
    assert await database.jobs.add(album) == album
    assert album.stored_inputs == ("inputs/a/1", "inputs/a/3")
    await database.jobs.advance("a", State.RUNNING)
    painted = await database.jobs.advance("a", State.RENDERED, missed=("", "photo_too_large", "no_face"))
    assert painted is not None
    assert painted.missed == ("", "photo_too_large", "no_face")
    delivered = await database.jobs.advance("a", State.DELIVERED)
    assert delivered is not None
    assert delivered.missed == painted.missed


async def test_photos_are_counted_one_by_one_also_when_they_are_wiped(database: Database) -> None:
    album = ("", "no_face", "")
    for number, (missed, at) in enumerate([(("",), 0), (album, 10), (("",), 20)]):
        await database.jobs.add(replace(job(f"{number}", at=START + at), missed=missed))
    await database.jobs.add(replace(job("other", person="telegram:2", at=START + 15)))
    await database.jobs.inputs_wiped(["1"])

    async def nth(n: int, since: float = START - 1) -> float | None:
        found = await database.jobs.nth_latest_photo("telegram:1", n, since=since)
        return None if found is None else found - START

    assert [await nth(n) for n in range(7)] == [20, 20, 10, 10, 10, 0, None]
    assert [await nth(n, since=START + 10) for n in (1, 2)] == [20, None]
    assert await database.jobs.nth_latest("telegram:1", 3) == START


async def test_jobs_of_the_same_photos_know_of_each_other(database: Database) -> None:
    album = replace(job("a"), inputs=("inputs/a/1", "inputs/a/2"))
    await database.jobs.add(album)
    await database.jobs.add(replace(job("b"), inputs=album.inputs))
    await database.jobs.add(replace(job("c"), inputs=album.inputs[:1]))
    assert await database.jobs.sharing_inputs(album.inputs) == 2
    await database.jobs.inputs_wiped(["a"])
    assert await database.jobs.sharing_inputs(album.inputs) == 1


async def test_a_source_has_one_job(database: Database) -> None:
    again = replace(job("b"), source=job("a").source)
    added = await asyncio.gather(database.jobs.add(job("a")), database.jobs.add(again))
    assert sum(one is not None for one in added) == 1
    assert sum((await database.jobs.counts()).values()) == 1


@pytest.mark.parametrize("field", ["platform", "chat", "message", "attachment"])
async def test_every_part_of_the_source_counts(database: Database, field: str) -> None:
    other = replace(job("b"), source=replace(job("a").source, **{field: "other"}))
    assert await database.jobs.add(job("a")) is not None
    assert await database.jobs.add(other) is not None


@pytest.mark.parametrize(("here", "to"), list(product(State, State)))
async def test_every_pair_of_states(database: Database, clock: Clock, here: State, to: State) -> None:
    before = await add_in(database, here)
    clock.now += 5
    after = await database.jobs.advance("a", to, code="why", results=["results/a/1.png"], found=2)
    if (here.value, to.value) in ALLOWED:
        assert after == replace(
            before,
            state=to,
            code="why",
            results=("results/a/1.png",),
            found=2,
            attempts=before.attempts + (to is State.RUNNING),
            updated_at=START + 5,
        )
    else:
        assert after is None
    assert await database.jobs.get("a") == (after or before)


@pytest.mark.parametrize("state", State)
def test_what_has_ended_goes_nowhere(state: State) -> None:
    assert state.ended is (state.value in {"delivered", "failed", "cancelled", "expired"})
    assert state.ended is not bool(TRANSITIONS[state])


async def test_a_retry_keeps_results_and_counts_attempts(database: Database) -> None:
    await add_in(database, State.RUNNING)
    await database.jobs.advance("a", State.QUEUED, results=["results/a/1.png"], found=4)
    again = await database.jobs.advance("a", State.RUNNING)
    assert again is not None
    assert (again.attempts, again.results, again.found) == (2, ("results/a/1.png",), 4)


@pytest.mark.parametrize("here", State)
async def test_what_is_put_back_was_never_started(database: Database, clock: Clock, here: State) -> None:
    before = await add_in(database, here)
    told: list[Job] = []
    database.jobs.listen(told.append)
    clock.now += 5
    after = await database.jobs.put_back("a")
    if here is State.RUNNING:
        assert after == replace(before, state=State.QUEUED, attempts=before.attempts - 1, updated_at=START + 5)
    else:
        assert after is None
    assert await database.jobs.get("a") == (after or before)
    assert told == []


async def test_of_two_that_race_one_wins(database: Database) -> None:
    await add_in(database, State.RENDERED)
    ends = await asyncio.gather(*(database.jobs.advance("a", State.DELIVERED) for _ in range(5)))
    assert sum(end is not None for end in ends) == 1


async def test_an_unknown_job_does_not_advance(database: Database) -> None:
    assert await database.jobs.advance("nobody", State.RUNNING) is None


async def test_what_owes_an_answer_is_taken_up_oldest_first(database: Database) -> None:
    for age, state in enumerate(State):
        await add_in(database, state, state.value, created_at=START - age)
    assert [one.id for one in await database.jobs.unfinished()] == ["rendered", "running", "queued"]


async def test_counts_name_every_state(database: Database) -> None:
    assert await database.jobs.counts() == dict.fromkeys(State, 0)
    await add_in(database, State.FAILED, "a")
    await add_in(database, State.FAILED, "b")
    await add_in(database, State.QUEUED, "c")
    assert await database.jobs.counts() == dict.fromkeys(State, 0) | {State.FAILED: 2, State.QUEUED: 1}


async def test_what_was_painted_stays_counted_when_it_is_gone(database: Database) -> None:
    assert await database.jobs.painted() == 0
    for name, pictures in (("a", 1), ("b", 3)):
        await add_in(database, State.RUNNING, name)
        results = [f"results/{name}/{n}" for n in range(2 * pictures)]  # a picture, and the photo's part beside it
        await database.jobs.advance(name, State.RENDERED, results=results)
        await database.jobs.advance(name, State.DELIVERED)
    await add_in(database, State.RUNNING, "c")
    await database.jobs.advance("c", State.FAILED)
    await database.jobs.results_wiped(["a"])
    await database.jobs.remove(["b"])
    assert await database.jobs.painted() == 4


async def test_what_a_person_sent(database: Database) -> None:
    for n, state in enumerate([State.QUEUED, State.RUNNING, State.RENDERED, State.DELIVERED]):
        await add_in(database, state, f"job-{n}", created_at=START + n)
    await add_in(database, State.QUEUED, "theirs", person="telegram:2")
    assert await database.jobs.count_waiting("telegram:1") == 2
    assert [one.id for one in await database.jobs.of("telegram:1")] == ["job-0", "job-1", "job-2", "job-3"]
    latest = [await database.jobs.nth_latest("telegram:1", n) for n in (1, 4, 5)]
    assert latest == [START + 3, START, None]
    assert await database.jobs.nth_latest("telegram:3", 1) is None


async def test_remembering_leaves_the_times(database: Database, clock: Clock) -> None:
    before = await add_in(database, State.DELIVERED)
    clock.now += 100
    await database.jobs.remember("a", '{"message": 7}')
    assert await database.jobs.get("a") == replace(before, reply='{"message": 7}')


async def test_ended_before_and_remove(database: Database) -> None:
    for state in State:
        await add_in(database, state, state.value)
    ended = await database.jobs.ended_before(START + 1)
    assert {one.state for one in ended} == {state for state in State if state.ended}
    assert await database.jobs.ended_before(START) == []
    await database.jobs.remove(one.id for one in ended)
    assert {one.id for one in await database.jobs.unfinished()} == {"queued", "running", "rendered"}
    assert sum((await database.jobs.counts()).values()) == 3
    await database.jobs.remove(["nobody"])
    await database.jobs.remove([])


async def test_many_ids_at_once(database: Database) -> None:
    await add_in(database, State.QUEUED)
    ids = [f"job-{n}" for n in range(100_000)]
    assert await database.jobs.known(["a", *ids]) == {"a"}
    await database.jobs.remove(ids)
    assert await database.jobs.get("a") is not None
