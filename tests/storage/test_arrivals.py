"""What came stays until it is dealt with, also in another process, or until it is wiped."""

from pathlib import Path

from storage import Database, FileStore
from storage.arrivals import Arrival
from storage.retention import forget, sweep
from tests.storage.parts import DAY, HOUR, START


def arrival(number: int, *, platform: str = "telegram", person: str = "telegram:1", at: float = START) -> Arrival:
    return Arrival(platform, number, person, f'{{"n": {number}}}', at)


async def test_what_came_stays_in_order_until_it_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with Database(path) as database:
        for number in (10, 9, 11, 9):
            await database.arrivals.add(arrival(number))
        await database.arrivals.add(arrival(9, platform="another"))
    async with Database(path) as database:
        assert await database.arrivals.of("telegram") == [arrival(9), arrival(10), arrival(11)]
        await database.arrivals.remove("telegram", 9)
        await database.arrivals.remove("telegram", 9)
        assert await database.arrivals.of("telegram") == [arrival(10), arrival(11)]
        assert await database.arrivals.of("another") == [arrival(9, platform="another")]


async def test_what_a_forgotten_person_sent_is_wiped(database: Database, files: FileStore) -> None:
    theirs = arrival(2, person="telegram:2")
    for one in (arrival(1), theirs, arrival(3)):
        await database.arrivals.add(one)
    await forget(database, files, "telegram:1")
    assert await database.arrivals.of("telegram") == [theirs]


async def test_a_sweep_deletes_what_nobody_dealt_with_in_a_day(database: Database, files: FileStore) -> None:
    await database.arrivals.add(arrival(1))
    await database.arrivals.add(arrival(2, at=START + 1))
    for now, left in ((START + DAY, [1, 2]), (START + DAY + 1, [2])):
        await sweep(database, files, keep_inputs=HOUR, keep_results=DAY, now=now)
        assert [one.number for one in await database.arrivals.of("telegram")] == left
