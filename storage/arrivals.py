"""What came and was confirmed before it was dealt with, written down until it is."""

from storage.sql import Sql


class Arrivals:
    """The table of arrivals. `number`: the platform's own of each, rising."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    async def add(self, platform: str, number: int, body: str) -> None:
        """Write one down (JSON); the same again changes nothing."""
        await self._sql.query("INSERT INTO arrivals VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (platform, number, body))

    async def of(self, platform: str) -> list[str]:
        """Those of a platform, oldest first."""
        rows = await self._sql.query("SELECT body FROM arrivals WHERE platform = ? ORDER BY number", (platform,))
        return [row["body"] for row in rows]

    async def remove(self, platform: str, number: int) -> None:
        """It is dealt with."""
        await self._sql.query("DELETE FROM arrivals WHERE platform = ? AND number = ?", (platform, number))
