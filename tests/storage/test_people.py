from storage import Database, Person


async def test_a_stranger_has_nothing_set(database: Database) -> None:
    assert await database.people.get("telegram:1") == Person("telegram:1", None, False, "{}")
    assert await database.people.forget("telegram:1") is False


async def test_each_thing_is_remembered_by_itself(database: Database) -> None:
    await database.people.set_language("telegram:1", "ja")
    await database.people.block("telegram:1", True)
    await database.people.set_settings("telegram:1", '{"faces": "all"}')
    await database.people.set_language("discord:1", "de")
    assert await database.people.get("telegram:1") == Person("telegram:1", "ja", True, '{"faces": "all"}')
    await database.people.block("telegram:1", False)
    await database.people.set_language("telegram:1", None)
    assert await database.people.get("telegram:1") == Person("telegram:1", None, False, '{"faces": "all"}')
    assert await database.people.get("discord:1") == Person("discord:1", "de")


async def test_forgetting_leaves_nothing(database: Database) -> None:
    await database.people.set_language("telegram:1", "ja")
    assert await database.people.forget("telegram:1") is True
    assert await database.people.forget("telegram:1") is False
    assert await database.people.get("telegram:1") == Person("telegram:1")


async def test_forgetting_is_no_way_around_a_block(database: Database) -> None:
    await database.people.set_language("telegram:1", "ja")
    await database.people.block("telegram:1", True)
    assert await database.people.forget("telegram:1") is True
    assert await database.people.get("telegram:1") == Person("telegram:1", blocked=True)
    assert await database.people.forget("telegram:1") is False
