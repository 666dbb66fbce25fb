"""A clock that goes from one sleeper to the next, as soon as nobody has anything else to do."""

import asyncio
import heapq
import itertools
from collections.abc import Coroutine
from typing import Any

SETTLE = 50  # turns of the loop in which tasks do all they can without waiting


class VirtualTime:
    def __init__(self) -> None:
        self.now = 1_000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._count), future))
        await future

    async def run(self, *work: Coroutine[Any, Any, Any]) -> list[Any]:
        """Results (or exceptions) of all coroutines, with time passing only when all of them wait."""
        tasks = [asyncio.create_task(each) for each in work]
        while True:
            for _ in range(SETTLE):
                await asyncio.sleep(0)
            if all(task.done() for task in tasks):
                return await asyncio.gather(*tasks, return_exceptions=True)
            self.now, _, future = heapq.heappop(self._sleepers)
            future.set_result(None)
