"""What is remembered of a person beyond their jobs: language, settings, and whether they are blocked or paused."""

from dataclasses import dataclass

from storage.sql import Sql


@dataclass(frozen=True, slots=True)
class Person:
    """One person of one platform.

    Args:
        id: `platform:id`.
        language: BCP 47 tag that they chose; None: as their platform says.
        settings: JSON of those who wrote it; opaque here.
        paused_until: unix seconds; until then nothing is taken from them.
    """

    id: str
    language: str | None = None
    blocked: bool = False
    settings: str = "{}"
    paused_until: float = 0.0


class People:
    """The table of people; someone unknown is a `Person` with nothing set."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def get(self, person: str) -> Person:
        """What is remembered of this person."""
        rows = await self._sql.query("SELECT * FROM people WHERE id = ?", (person,))
        if not rows:
            return Person(person)
        row = rows[0]
        return Person(person, row["language"], bool(row["blocked"]), row["settings"], row["paused_until"])

    async def set_language(self, person: str, language: str | None) -> None:
        """Remember the language they chose; None goes back to their platform's."""
        await self._set("language", person, language)

    async def set_settings(self, person: str, settings: str) -> None:
        """Remember their settings (JSON)."""
        await self._set("settings", person, settings)

    async def block(self, person: str, blocked: bool) -> None:
        """Refuse this person from now on, or no longer, which ends a pause as well."""
        await self._set("blocked", person, int(blocked))
        if not blocked:
            await self.pause(person, 0.0)

    async def pause(self, person: str, until: float) -> None:
        """Refuse this person until then (unix seconds)."""
        await self._set("paused_until", person, until)

    async def end_pauses(self, now: float) -> None:
        """Forget pauses that are over, and those of whom nothing else is remembered."""
        await self._sql.query("UPDATE people SET paused_until = 0 WHERE paused_until BETWEEN 1 AND ?", (now,))
        await self._sql.query(
            "DELETE FROM people WHERE NOT blocked AND paused_until = 0 AND language IS NULL AND settings = '{}'"
        )

    async def forget(self, person: str) -> bool:
        """Wipe what is remembered; True when there was something.

        A block or a pause outlives it, by itself: otherwise wiping one's data would be the way around it.
        """
        wiped = await self._sql.query(
            "DELETE FROM people WHERE id = ? AND NOT blocked AND paused_until = 0 RETURNING id", (person,)
        )
        cleared = await self._sql.query(
            "UPDATE people SET language = NULL, settings = '{}'"
            " WHERE id = ? AND (language IS NOT NULL OR settings != '{}') RETURNING id",
            (person,),
        )
        return bool(wiped or cleared)

    async def _set(self, column: str, person: str, value: str | float | None) -> None:
        await self._sql.query(
            f"INSERT INTO people (id, {column}) VALUES (?, ?)"
            f" ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}",
            (person, value),
        )
