import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import QueueFull
from inference.scheduler import PATIENCE, Place, Priority, Scheduler


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def take(scheduler: Scheduler) -> str:
    """The next job, when there is one at once."""
    step = scheduler.next()
    try:
        step.send(None)
    except StopIteration as end:
        return str(end.value)
    step.close()
    raise AssertionError("nothing was waiting")


def drain(scheduler: Scheduler) -> list[str]:
    return [take(scheduler) for _ in range(len(scheduler))]


def position(scheduler: Scheduler, job_id: str) -> int | None:
    place = scheduler.place(job_id)
    return None if place is None else place.position


def submit_all(scheduler: Scheduler, jobs: Iterable[str], **options: Priority) -> None:
    """`a1` is the first job of person a."""
    for job in jobs:
        scheduler.submit(job, job[0], **options)


def test_people_take_turns_and_each_ones_oldest_goes_first() -> None:
    scheduler = Scheduler(100)
    submit_all(scheduler, ["a1", "a2", "a3", "b1", "c1", "b2"])

    assert drain(scheduler) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_newcomer_behind_five_hundred_jobs_of_one_person_is_second() -> None:
    scheduler = Scheduler(1000)
    submit_all(scheduler, [f"a{n}" for n in range(500)])
    submit_all(scheduler, ["b1"])

    assert position(scheduler, "b1") == 2


def test_interactive_goes_before_batch_but_batch_does_not_starve() -> None:
    scheduler = Scheduler(100)
    submit_all(scheduler, ["x1", "x2"], priority=Priority.BATCH)
    submit_all(scheduler, [f"a{n}" for n in range(3 * PATIENCE)])

    order = drain(scheduler)

    assert order.index("x1") == PATIENCE
    assert order.index("x2") == 2 * PATIENCE + 1


def test_a_batch_job_that_has_just_come_takes_nobodys_turn() -> None:
    scheduler = Scheduler(100)
    submit_all(scheduler, [f"a{n}" for n in range(PATIENCE + 2)])
    for _ in range(PATIENCE):
        take(scheduler)
    submit_all(scheduler, ["x1"], priority=Priority.BATCH)

    assert take(scheduler) == f"a{PATIENCE}"


def test_an_album_is_one_turn_but_the_work_of_all_its_photos() -> None:
    scheduler = Scheduler(100)
    scheduler.submit("a1", "a", photos=10)
    submit_all(scheduler, ["a2", "b1"])

    assert [scheduler.place(job) for job in ("a1", "b1", "a2")] == [Place(1, 10), Place(2, 11), Place(3, 12)]
    assert scheduler.last() == Place(4, 13)
    take(scheduler)
    assert scheduler.place("b1") == Place(1, 1)
    assert scheduler.place("a1") is None


def test_is_bounded() -> None:
    scheduler = Scheduler(2)
    submit_all(scheduler, ["a1", "a2"])

    with pytest.raises(QueueFull) as refusal:
        scheduler.submit("b1", "b")

    assert refusal.value.retry_after >= 1
    assert position(scheduler, "b1") is None
    take(scheduler)
    scheduler.submit("b1", "b")
    assert len(scheduler) == 2


def test_says_to_come_back_later_when_it_is_slow() -> None:
    clock = Clock()
    scheduler = Scheduler(100, clock)
    submit_all(scheduler, [f"a{n}" for n in range(100)])
    for _ in range(50):
        take(scheduler)
        clock.now += 20
    submit_all(scheduler, [f"b{n}" for n in range(50)])

    with pytest.raises(QueueFull) as refusal:
        scheduler.submit("c1", "c")

    assert refusal.value.retry_after == pytest.approx(100, rel=0.1)  # 5 of 100 jobs at 20 s


def test_the_same_job_again_keeps_its_place() -> None:
    scheduler = Scheduler(3)
    submit_all(scheduler, ["a1", "b1", "a1", "a1"])

    assert drain(scheduler) == ["a1", "b1"]


def test_cancel() -> None:
    scheduler = Scheduler(10)
    submit_all(scheduler, ["a1", "a2", "b1"])

    assert scheduler.cancel("a1")
    assert not scheduler.cancel("a1")
    assert not scheduler.cancel("unknown")
    assert position(scheduler, "a1") is None
    assert drain(scheduler) == ["a2", "b1"]
    assert not scheduler.cancel("b1")


def test_jobs_past_their_deadline_are_told_and_not_handed_out() -> None:
    clock = Clock()
    scheduler = Scheduler(10, clock)
    scheduler.submit("a1", "a", deadline=10)
    scheduler.submit("b1", "b", deadline=20)
    scheduler.submit("c1", "c")

    clock.now = 9.9
    assert scheduler.expired() == []
    clock.now = 10
    assert position(scheduler, "b1") == 1
    assert take(scheduler) == "b1"
    assert len(scheduler) == 2  # a1 has not been told yet
    assert scheduler.expired() == ["a1"]
    assert scheduler.expired() == []
    clock.now = 30
    assert scheduler.expired() == []
    assert drain(scheduler) == ["c1"]


def test_an_expired_job_can_still_be_cancelled() -> None:
    clock = Clock()
    scheduler = Scheduler(10, clock)
    scheduler.submit("a1", "a", deadline=1)
    clock.now = 2
    assert position(scheduler, "a1") is None

    assert scheduler.cancel("a1")
    assert scheduler.expired() == []


def test_a_job_submitted_again_is_not_held_to_its_old_deadline() -> None:
    clock = Clock()
    scheduler = Scheduler(10, clock)
    scheduler.submit("a1", "a", deadline=1)
    assert take(scheduler) == "a1"
    scheduler.submit("a1", "a", deadline=100)
    clock.now = 2

    assert scheduler.expired() == []
    assert take(scheduler) == "a1"


async def test_takers_wait_and_each_job_goes_to_one_of_them() -> None:
    scheduler = Scheduler(10)
    takers = [asyncio.create_task(scheduler.next()) for _ in range(3)]
    await asyncio.sleep(0)
    takers[0].cancel()
    submit_all(scheduler, ["a1", "b1"])

    done = await asyncio.gather(*takers, return_exceptions=True)

    assert isinstance(done[0], asyncio.CancelledError)
    assert sorted(str(job) for job in done[1:]) == ["a1", "b1"]
    assert len(scheduler) == 0


jobs = st.tuples(st.sampled_from("abcd"), st.sampled_from(Priority), st.none() | st.integers(1, 40))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), jobs),
        st.tuples(st.just("next"), st.none()),
        st.tuples(st.just("cancel"), st.integers(0, 60)),
        st.tuples(st.just("wait"), st.integers(1, 5)),
    ),
    max_size=80,
)


@given(steps)
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[tuple[str, object]]) -> None:
    clock = Clock()
    scheduler = Scheduler(20, clock)
    submitted: list[str] = []
    deadlines: dict[str, float | None] = {}
    ended: list[str] = []
    for kind, value in steps:
        match kind, value:
            case "submit", (person, priority, deadline):
                job_id = f"{person}{len(submitted)}"
                try:
                    scheduler.submit(job_id, person, priority=priority, deadline=deadline and clock.now + deadline)
                except QueueFull:
                    assert len(scheduler) == 20
                else:
                    submitted.append(job_id)
                    deadlines[job_id] = deadline and clock.now + deadline
            case "next", _:
                waiting = [job for job in submitted if position(scheduler, job)]
                if waiting:
                    ended.append(job_id := take(scheduler))
                    assert deadlines[job_id] is None or deadlines[job_id] > clock.now
            case "cancel", int(number):
                if number < len(submitted) and scheduler.cancel(submitted[number]):
                    ended.append(submitted[number])
            case "wait", int(seconds):
                clock.now += seconds
                ended += scheduler.expired()
    ended += scheduler.expired()
    ended += drain(scheduler)

    assert sorted(ended) == sorted(submitted)
    assert len(scheduler) == 0


@given(steps, st.booleans())
def test_positions_are_the_order_of_hand_out_and_the_front_keeps_its_place(
    steps: list[tuple[str, object]], albums: bool
) -> None:
    scheduler = Scheduler(1000)
    submitted: list[str] = []
    for kind, value in steps:
        before = {job: place for job in submitted if (place := position(scheduler, job))}
        front = next((job for job, place in before.items() if place == 1), None)
        priorities = {job: job[-1] for job in before}
        match kind, value:
            case "submit", (person, priority, _):
                job_id = f"{person}{len(submitted)}-{priority:d}"
                submitted.append(job_id)
                photos = 2 if albums and len(submitted) % 3 == 0 else 1  # with albums places are found in another way
                scheduler.submit(job_id, person, priority=priority, photos=photos)
                if front and (priorities[front] == "0" or priority is Priority.BATCH):
                    assert position(scheduler, front) == 1
            case "next", _ if before:
                assert take(scheduler) == front
                for job in before.keys() - {front}:
                    assert position(scheduler, job) == before[job] - 1
            case "cancel", int(number) if number < len(submitted) and scheduler.cancel(submitted[number]):
                for job in before.keys() - {submitted[number]}:
                    place = position(scheduler, job)
                    assert place is not None
                    assert place <= max(before[job], 1)
    places = {job: place for job in submitted if (place := position(scheduler, job))}

    assert sorted(places.values()) == list(range(1, len(places) + 1))
    assert drain(scheduler) == sorted(places, key=places.__getitem__)


arrivals = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(Priority)), max_size=4)


@given(
    backlog=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(Priority)), max_size=30),
    priority=st.sampled_from(Priority),
    later=st.lists(arrivals, max_size=30),
)
def test_nobody_starves_whatever_comes_later(
    backlog: list[tuple[str, Priority]], priority: Priority, later: list[list[tuple[str, Priority]]]
) -> None:
    scheduler = Scheduler(1000)
    for number, (person, its) in enumerate(backlog):
        scheduler.submit(f"{person}{number}", person, priority=its)
    scheduler.submit("x", "x", priority=priority)
    # Each person may have one turn before; every PATIENCE turns of interactive jobs let one batch job in.
    turns = len({person for person, its in backlog if its is priority}) + 1
    bound = turns * (PATIENCE + 1) if priority is Priority.BATCH else turns + turns // PATIENCE + 1

    handed = []
    while "x" not in handed:
        handed.append(take(scheduler))
        for person, its in later.pop() if later else []:
            scheduler.submit(f"{person}{len(handed)}-{its}", person, priority=its)

    assert len(handed) <= bound


async def test_the_pace_is_measured_while_jobs_wait_and_not_while_none_do() -> None:
    clock = Clock()
    scheduler = Scheduler(100, clock)
    assert scheduler.pace is None
    for round_number in range(3):
        submit_all(scheduler, [f"{person}{round_number}" for person in "abcde"])
        for _ in range(5):
            take(scheduler)
            clock.now += 3
        step = scheduler.next()  # nothing waits: the time until the next arrival is nobody's pace
        step.send(None)
        step.close()
        clock.now += 1000

    assert scheduler.pace == pytest.approx(3)
