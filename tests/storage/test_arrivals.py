"""What came stays until it is dealt with, also in another process."""

from pathlib import Path

from storage import Database


async def test_what_came_stays_in_order_until_it_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with Database(path) as database:
        for number in (10, 9, 11, 9):
            await database.arrivals.add("telegram", number, f'{{"n": {number}}}')
        await database.arrivals.add("another", 9, "{}")
    async with Database(path) as database:
        assert await database.arrivals.of("telegram") == ['{"n": 9}', '{"n": 10}', '{"n": 11}']
        await database.arrivals.remove("telegram", 9)
        await database.arrivals.remove("telegram", 9)
        assert await database.arrivals.of("telegram") == ['{"n": 10}', '{"n": 11}']
        assert await database.arrivals.of("another") == ["{}"]
