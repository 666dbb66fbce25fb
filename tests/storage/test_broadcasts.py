"""Whom a broadcast goes to, and that nobody is taken twice."""

from storage import Database
from storage.broadcasts import Receipt, Stage

BOSS = "telegram:1"


async def written_by(database: Database, *people: str) -> None:
    for person in people:
        await database.broadcasts.wrote(person)


async def begun(database: Database) -> list[str]:
    """A broadcast has begun; returns who is taken, until nobody is left."""
    await database.broadcasts.add("b", BOSS, '{"text": "x"}', 1.0)
    assert await database.broadcasts.start("b", "telegram", BOSS, '{"chat": 1}')
    taken = []
    while (person := await database.broadcasts.take("b")) is not None:
        taken.append(person)
    return sorted(taken)


async def test_receivers_are_those_of_the_platform_who_wrote_and_are_not_refused(database: Database) -> None:
    assert await database.broadcasts.wrote("telegram:2") is True
    assert await database.broadcasts.wrote("telegram:2") is False
    await written_by(database, BOSS, "telegram:3", "telegram:4", "telegram:5", "discord:6")
    await database.people.block("telegram:3", True)
    await database.broadcasts.left("telegram:4")
    assert await database.broadcasts.count("telegram", BOSS) == 2
    assert await begun(database) == ["telegram:2", "telegram:5"]


async def test_it_begins_once_and_goes_through_its_stages(database: Database) -> None:
    broadcasts = database.broadcasts
    await written_by(database, "telegram:2", "telegram:3")
    await broadcasts.add("a", BOSS, "{}", 0.0)
    await broadcasts.add("b", BOSS, '{"text": "x"}', 1.0)
    assert await broadcasts.get("a") is None, "given up for the next"
    assert await broadcasts.begun() == []
    assert await broadcasts.take("b") is None, "it has not begun"
    assert await broadcasts.start("b", "telegram", BOSS, '{"chat": 1}') is True
    await written_by(database, "telegram:4")
    assert await broadcasts.start("b", "telegram", BOSS, "{}") is False
    assert await broadcasts.drop("b") is False
    [known] = await broadcasts.begun()
    assert (known.id, known.author, known.content, known.note) == ("b", BOSS, '{"text": "x"}', '{"chat": 1}')
    assert known.stage is Stage.RUNNING
    assert await broadcasts.take("b") is not None
    assert await broadcasts.stop("b") is True
    assert await broadcasts.stop("b") is False
    assert await broadcasts.take("b") is None
    await broadcasts.remove("b")
    assert sum((await broadcasts.tally("b")).values()) == 0


async def test_after_a_crash_those_in_between_are_not_taken_again(database: Database) -> None:
    broadcasts = database.broadcasts
    await written_by(database, "telegram:2", "telegram:3", "telegram:4")
    await broadcasts.add("b", BOSS, "{}", 1.0)
    await broadcasts.start("b", "telegram", BOSS, "{}")
    first, second = await broadcasts.take("b"), await broadcasts.take("b")
    assert first is not None
    await broadcasts.settle("b", first, Receipt.SENT)
    await broadcasts.interrupted("b")
    third = await broadcasts.take("b")
    assert len({first, second, third}) == 3
    assert await broadcasts.take("b") is None
    tally = await broadcasts.tally("b")
    assert (tally[Receipt.SENT], tally[Receipt.UNSURE], tally[Receipt.SENDING]) == (1, 1, 1)


async def test_who_is_forgotten_or_left_gets_nothing_more(database: Database) -> None:
    broadcasts = database.broadcasts
    await written_by(database, "telegram:2", "telegram:3")
    await broadcasts.add("b", BOSS, "{}", 1.0)
    await broadcasts.start("b", "telegram", BOSS, "{}")
    first = await broadcasts.take("b")
    assert first is not None
    await broadcasts.settle("b", first, Receipt.SENT)
    for person in ("telegram:2", "telegram:3"):
        await broadcasts.forget(person)
    assert await broadcasts.take("b") is None
    assert sum((await broadcasts.tally("b")).values()) == 0
    assert await broadcasts.count("telegram", BOSS) == 0
