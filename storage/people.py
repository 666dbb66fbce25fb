"""What is remembered of a person beyond their jobs: language, settings, and whether they are blocked."""

from dataclasses import dataclass

from storage.sql import Sql


@dataclass(frozen=True, slots=True)
class Person:
    """One person of one platform.

    Args:
        id: `platform:id`.
        language: BCP 47 tag that they chose; None: as their platform says.
        settings: JSON of those who wrote it; opaque here.
    """

    id: str
    language: str | None = None
    blocked: bool = False
    settings: str = "{}"


class People:
    """The table of people; someone unknown is a `Person` with nothing set."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def get(self, person: str) -> Person:
        """What is remembered of this person."""
        rows = await self._sql.query("SELECT * FROM people WHERE id = ?", (person,))
        if not rows:
            return Person(person)
        return Person(person, rows[0]["language"], bool(rows[0]["blocked"]), rows[0]["settings"])

    async def set_language(self, person: str, language: str | None) -> None:
        """Remember the language they chose; None goes back to their platform's."""
        await self._set("language", person, language)

    async def set_settings(self, person: str, settings: str) -> None:
        """Remember their settings (JSON)."""
        await self._set("settings", person, settings)

    async def block(self, person: str, blocked: bool) -> None:
        """Refuse this person from now on, or no longer."""
        await self._set("blocked", person, int(blocked))

    async def forget(self, person: str) -> bool:
        """Wipe what is remembered; True when there was something.

        A block outlives it, by itself: otherwise wiping one's data would be the way around it.
        """
        wiped = await self._sql.query("DELETE FROM people WHERE id = ? AND NOT blocked RETURNING id", (person,))
        cleared = await self._sql.query(
            "UPDATE people SET language = NULL, settings = '{}'"
            " WHERE id = ? AND (language IS NOT NULL OR settings != '{}') RETURNING id",
            (person,),
        )
        return bool(wiped or cleared)

    async def _set(self, column: str, person: str, value: str | int | None) -> None:
        await self._sql.query(
            f"INSERT INTO people (id, {column}) VALUES (?, ?)"
            f" ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}",
            (person, value),
        )
