"""What came and was confirmed before it was dealt with, written down until it is."""

from dataclasses import astuple, dataclass

from storage.sql import Sql


@dataclass(frozen=True, slots=True)
class Arrival:
    """Args:
    number: the platform's own of each, rising.
    person: who sent it (`platform:id`).
    body: JSON of the platform.
    created_at: when it came (unix seconds).
    """

    platform: str
    number: int
    person: str
    body: str
    created_at: float


class Arrivals:
    """The table of arrivals."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, arrival: Arrival) -> None:
        """Write one down; the same again changes nothing."""
        await self._sql.query(
            "INSERT INTO arrivals (platform, number, person, body, created_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            astuple(arrival),
        )

    async def of(self, platform: str) -> list[Arrival]:
        """Those of a platform, oldest first."""
        rows = await self._sql.query(
            "SELECT platform, number, person, body, created_at FROM arrivals WHERE platform = ? ORDER BY number",
            (platform,),
        )
        return [Arrival(*row) for row in rows]

    async def remove(self, platform: str, number: int) -> None:
        """It is dealt with."""
        await self._sql.query("DELETE FROM arrivals WHERE platform = ? AND number = ?", (platform, number))

    async def forget(self, person: str) -> None:
        """Remember nothing that a person sent."""
        await self._sql.query("DELETE FROM arrivals WHERE person = ?", (person,))

    async def give_up(self, before: float) -> None:
        """Delete what came before then (unix seconds) and was never dealt with."""
        await self._sql.query("DELETE FROM arrivals WHERE created_at < ?", (before,))
