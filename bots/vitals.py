"""How the service stands: read when Prometheus or an operator asks, and the event loop's lag all the time."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric

from bots.fleet import Fleet
from inference import Pipeline
from inference.metrics import PREFIX, EngineVitals
from storage import State

SAMPLE_EVERY = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Queue:
    """The line of jobs.

    Args:
        waiting: jobs in it, by door.
        oldest: seconds since the oldest job without a picture was accepted, be it in line or being painted: a fleet
            without workers paints for ever.
        painting: jobs being painted.
        newcomer: seconds until a photo sent now should be done; None before the first batch.
    """

    waiting: dict[str, int]
    oldest: float
    painting: int
    newcomer: float | None


@dataclass(frozen=True, slots=True)
class Stats:
    """The service in numbers.

    Args:
        ready: whether photos are taken in and the network is warm.
        waiting: jobs in line.
        jobs: how many of those still written down are in each state.
        seconds_per_picture: measured; None before the first batch.
    """

    ready: bool
    waiting: int
    jobs: dict[State, int]
    seconds_per_picture: float | None


class Vitals(EngineVitals):
    """Collects in the event loop's thread: nothing changes meanwhile."""

    def __init__(self, queue: Callable[[], Queue], pipeline: Pipeline | Fleet) -> None:
        super().__init__(lambda: pipeline.engines)
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        queue = self._queue()
        waiting = GaugeMetricFamily(f"{PREFIX}_waiting", "Jobs in line", labels=["door"])
        for door, count in queue.waiting.items():
            waiting.add_metric([door], count)
        yield waiting
        yield GaugeMetricFamily(
            f"{PREFIX}_oldest_seconds", "Time since the oldest job without a picture was accepted", queue.oldest
        )
        yield GaugeMetricFamily(f"{PREFIX}_painting", "Jobs being painted", queue.painting)
        newcomer = GaugeMetricFamily(f"{PREFIX}_newcomer_seconds", "Expected time of a photo sent now", labels=[])
        if queue.newcomer is not None:
            newcomer.add_metric([], queue.newcomer)
        yield newcomer
        yield from super().collect()


async def watch_loop(late: Callable[[float], None], every: float = SAMPLE_EVERY) -> None:
    """Tell how late the event loop is, sample by sample, until cancelled.

    A stall counts as often as samples fell into it: one of a second is not one late sample among punctual ones.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + every
    while True:
        await asyncio.sleep(due - loop.time())
        now = loop.time()
        while due <= now:
            late(now - due)
            due += every
