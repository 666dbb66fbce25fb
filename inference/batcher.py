"""Collects crops into batches for the engines.

It never waits for a batch to fill: while an engine is busy, crops gather; once it is free, it takes what is there.
"""

import asyncio
import itertools
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from inference.engine import BatchFailed, EngineDied
from inference.engine_process import Done
from inference.errors import EngineFailed, InferenceError, NoEngine
from inference.measures import Batch

log = logging.getLogger(__name__)

ATTEMPTS = 3  # processes that may die over one crop
LEAST_FILL = 0.75  # of a bucket; below it, a smaller bucket and then another run are quicker than the padding


class Runner(Protocol):
    """What an `engine.Engine` looks like from here."""

    @property
    def limit(self) -> int: ...

    async def up(self) -> None: ...

    async def run(self, batch: np.ndarray, *, reverse: bool) -> Done: ...


@dataclass(slots=True, eq=False)
class Item:
    """One crop on its way. `attempts`: processes that died while they held it."""

    crop: np.ndarray
    reverse: bool
    future: asyncio.Future[np.ndarray]
    attempts: int = 0


def buckets(largest: int) -> tuple[int, ...]:
    """The powers of two up to `largest`: the only batch sizes that are ever run."""
    return tuple(1 << power for power in range(largest.bit_length()))


def choose(waiting: int, limit: int) -> tuple[int, int]:
    """(crops to take, bucket to run them in) when `waiting` ≥ 1 and buckets up to `limit` ≥ 1 may run."""
    bucket = 1 << (min(waiting, limit) - 1).bit_length()
    if bucket > limit:
        bucket = buckets(limit)[-1]
    if waiting < LEAST_FILL * bucket:
        bucket //= 2
    return min(waiting, bucket), bucket


class Batcher:
    """Runs crops on whichever engine is free. From `async with` to its end, where waiting crops fail.

    Engines that are free at once share what waits. An engine that can never run is left out, unless it is the last.

    Args:
        ran: is told of every batch that was painted.
    """

    def __init__(self, runners: Sequence[Runner] = (), *, ran: Callable[[Batch], None] = lambda batch: None) -> None:
        self._runners = list(runners)
        self._ran = ran
        self._items: deque[Item] = deque()
        self._arrived = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._working: set[Runner] = set()  # those not given up
        self._idle: set[Runner] = set()
        self._held: set[Item] = set()
        self._limits: dict[Runner, int] = {}  # what memory taught

    async def __aenter__(self) -> Self:
        for runner in self._runners:
            self.add(runner)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for item in (*self._items, *self._held):
            _fail(item, EngineFailed("the service stops"))

    def add(self, runner: Runner) -> None:
        """Use one more engine from now on."""
        self._working.add(runner)
        self._tasks.append(asyncio.create_task(self._work(runner)))

    async def run(self, crop: np.ndarray, *, reverse: bool = False) -> np.ndarray:
        """(S, S, 3) uint8 → the same, painted. Cancelling it takes the crop out of the queue.

        Args:
            reverse: by the network of the other direction.

        Raises:
            EngineFailed: the network refused this crop, or `ATTEMPTS` processes died over it.
            NoEngine: there is no engine that could run it.
        """
        item = Item(crop, reverse, asyncio.get_running_loop().create_future())
        self._items.append(item)
        self._arrived.set()
        return await item.future

    async def _work(self, runner: Runner) -> None:
        while True:
            try:
                await runner.up()  # a process that is still starting holds no crops which another could paint
            except InferenceError as error:
                if self._retire(runner, error):
                    return
            if not self._items:
                self._arrived.clear()  # no await between looking and clearing: no arrival is missed
                self._idle.add(runner)
                await self._arrived.wait()
                if len(self._working) > 1 and not runner.limit:  # its process died while it had nothing to do
                    self._idle.discard(runner)
                    continue
            items = self._take(runner) if self._items else []
            self._idle.discard(runner)
            if not items:
                continue
            self._held.update(items)
            try:
                await self._paint(runner, items)
            except Exception:  # a fault of ours: these crops fail, the loop lives on
                log.exception("a batch failed unexpectedly")
                for item in items:
                    _fail(item, EngineFailed("unexpected failure of a batch"))
            self._held.difference_update(items)

    def _retire(self, runner: Runner, error: InferenceError) -> bool:
        """Whether an engine that can never run is done without. The last one stays, to fail what comes."""
        if len(self._working) == 1:
            return False
        self._working.discard(runner)
        log.error("an engine is done without: %s", error)
        return True

    def _limit(self, runner: Runner) -> int:
        return max(1, min(runner.limit, self._limits.get(runner, runner.limit)))

    def _take(self, runner: Runner) -> list[Item]:
        """The oldest crops that somebody still waits for, of one direction, and no more than this engine's share."""
        while self._items and self._items[0].future.done():
            self._items.popleft()
        live = [item for item in self._items if not item.future.done()]
        if not live:
            self._items.clear()
            return []
        alike = [item for item in live if item.reverse is live[0].reverse]
        free = sum(1 for other in self._idle if other is not runner and other.limit)
        share = math.ceil(len(alike) / (1 + free))
        count, _ = choose(share, self._limit(runner))
        taken = alike[:count]
        self._items = deque(item for item in live if item not in taken)
        return taken

    async def _paint(self, runner: Runner, items: list[Item]) -> None:
        """Every one of `items` has its picture or its failure in the end, or is back in the queue for other engines."""
        todo = [items]
        while todo:
            batch = [item for item in todo.pop(0) if not item.future.done()]
            if not batch:
                continue
            count, bucket = choose(len(batch), self._limit(runner))
            if count < len(batch):  # the limit sank meanwhile: after an out-of-memory or a restart
                todo[:0] = [batch[:count], batch[count:]]
                continue
            try:
                done = await runner.run(_pad(batch, bucket), reverse=batch[0].reverse)
            except BatchFailed as error:
                todo[:0] = self._refused(runner, batch, bucket, error)
            except EngineDied as error:
                todo[:0] = _retries(batch, error)
            except InferenceError as error:  # it can never run, whatever the batch
                self._hand_back([*batch, *itertools.chain(*todo)], error)
                return
            else:
                self._ran(Batch(bucket, count, done.seconds, max(item.attempts for item in batch)))
                for item, picture in zip(batch, done.batch, strict=False):  # the rest is padding
                    if not item.future.done():
                        item.future.set_result(picture)

    def _hand_back(self, items: list[Item], error: InferenceError) -> None:
        """The crops of an engine that is given up are painted by another one, if there is one."""
        if len(self._working) > 1:
            self._items.extendleft(reversed(items))
            self._arrived.set()
            return
        for item in items:
            _fail(item, NoEngine(str(error)))

    def _refused(self, runner: Runner, batch: list[Item], bucket: int, error: BatchFailed) -> list[list[Item]]:
        """Halves to try next. Out of memory: no batch of that size ever again. Else the bad one is somewhere in it."""
        if error.memory and bucket > 1:
            self._limits[runner] = bucket // 2
            log.warning("a batch of %d does not fit into memory; at most %d from now on", bucket, bucket // 2)
            return [batch]
        if len(batch) == 1:
            _fail(batch[0], EngineFailed(str(error)))
            return []
        return _halves(batch)


def _retries(batch: list[Item], error: EngineDied) -> list[list[Item]]:
    """After a death: in halves at first, alone at the last attempt, so that a deadly crop takes nobody with it."""
    for item in batch:
        item.attempts += 1
        if item.attempts >= ATTEMPTS:
            _fail(item, EngineFailed(f"{ATTEMPTS} engine processes died over it: {error}"))
    alive = [item for item in batch if item.attempts < ATTEMPTS]
    if any(item.attempts == ATTEMPTS - 1 for item in alive):
        return [[item] for item in alive]
    return _halves(alive) if len(alive) > 1 else [alive]


def _halves(batch: list[Item]) -> list[list[Item]]:
    middle = len(batch) // 2
    return [batch[:middle], batch[middle:]]


def _pad(batch: list[Item], bucket: int) -> np.ndarray:
    """(bucket, S, S, 3): the crops, and the last one again as often as it takes."""
    crops = [item.crop for item in batch]
    return np.stack(crops + crops[-1:] * (bucket - len(crops)))


def _fail(item: Item, error: InferenceError) -> None:
    if not item.future.done():
        item.future.set_exception(error)
