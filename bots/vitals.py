"""How the service stands: read when Prometheus or an operator asks, and the event loop's lag all the time."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from bots.fleet import Fleet
from bots.metrics import PREFIX
from inference import Pipeline
from storage import State

SAMPLE_EVERY = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Queue:
    """The line of jobs.

    Args:
        waiting: jobs in it, by door.
        oldest: seconds that the first of them has waited.
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


class Vitals(Collector):
    """Collects in the event loop's thread: nothing changes meanwhile."""

    def __init__(self, queue: Callable[[], Queue], pipeline: Pipeline | Fleet) -> None:
        self._queue = queue
        self._pipeline = pipeline

    def register(self, registry: CollectorRegistry) -> None:
        """Show this, the process's own figures and Python's in that registry."""
        registry.register(self)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def collect(self) -> Iterator[Metric]:
        queue = self._queue()
        waiting = GaugeMetricFamily(f"{PREFIX}_waiting", "Jobs in line", labels=["door"])
        for door, count in queue.waiting.items():
            waiting.add_metric([door], count)
        yield waiting
        yield GaugeMetricFamily(f"{PREFIX}_oldest_seconds", "Time that the oldest job in line waits", queue.oldest)
        yield GaugeMetricFamily(f"{PREFIX}_painting", "Jobs being painted", queue.painting)
        newcomer = GaugeMetricFamily(f"{PREFIX}_newcomer_seconds", "Expected time of a photo sent now", labels=[])
        if queue.newcomer is not None:
            newcomer.add_metric([], queue.newcomer)
        yield newcomer
        engines = self._pipeline.engines
        yield GaugeMetricFamily(f"{PREFIX}_engines", "Engines that should run", len(engines))
        yield GaugeMetricFamily(
            f"{PREFIX}_engines_warm", "Engines that take batches", sum(e.limit > 0 for e in engines)
        )
        restarts = CounterMetricFamily(f"{PREFIX}_engine_restarts", "Engine processes that died", labels=["device"])
        for engine in engines:
            restarts.add_metric([engine.spec.device], engine.restarts)
        yield restarts

    def describe(self) -> list[Metric]:
        return []  # nothing to ask before the service is up


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
