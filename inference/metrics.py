"""Painting, counted and timed for Prometheus: in the service, and in each worker of a fleet.

Labels name stages, batch sizes, devices and codes, which are few and ours; never a person or a job.
"""

import platform
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from config.versions import installed_version
from inference.measures import Batch, Stage

if TYPE_CHECKING:
    from inference.engine import Engine

PREFIX = "selfie2anime"
QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds that one step takes
SIZES = tuple(1 << power for power in range(9))  # the buckets that MODEL_BATCH allows


class PaintMetrics:
    """What a pipeline tells its `Measures`, in a registry of its own.

    Attributes:
        registry: what `/metrics` shows.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._stages = Histogram(
            f"{PREFIX}_stage_seconds", "Parts of one photo's way", ["stage"], buckets=QUICK, registry=registry
        )
        self._batch_seconds = Histogram(
            f"{PREFIX}_run_seconds", "The network's time for a batch", ["bucket"], buckets=QUICK, registry=registry
        )
        self._batch_size = Histogram(
            f"{PREFIX}_batch_pictures", "Pictures in a batch, without padding", buckets=SIZES, registry=registry
        )
        self._padding = Counter(f"{PREFIX}_batch_padding", "Pictures painted as padding", registry=registry)
        self._batches_retried = Counter(
            f"{PREFIX}_batches_retried", "Batches run again after an engine died", registry=registry
        )
        Info(f"{PREFIX}_build", "What runs", registry=registry).info(_build())

    def stage(self, stage: Stage, seconds: float) -> None:
        """See `inference.measures.Measures`."""
        self._stages.labels(stage.value).observe(seconds)

    def batch(self, batch: Batch) -> None:
        """See `inference.measures.Measures`."""
        self._batch_seconds.labels(str(batch.bucket)).observe(batch.seconds)
        self._batch_size.observe(batch.count)
        self._padding.inc(batch.bucket - batch.count)
        if batch.attempts:
            self._batches_retried.inc()


class EngineVitals(Collector):
    """How the engines stand, read when Prometheus asks, by whatever thread: they are plain numbers.

    Args:
        engines: those there are at the moment.
    """

    def __init__(self, engines: Callable[[], "Sequence[Engine]"]) -> None:
        self._engines = engines

    def register(self, registry: CollectorRegistry) -> None:
        """Show this, the process's own figures and Python's in that registry."""
        registry.register(self)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def collect(self) -> Iterator[Metric]:
        engines = self._engines()
        yield GaugeMetricFamily(f"{PREFIX}_engines", "Engines that should run", len(engines))
        yield GaugeMetricFamily(
            f"{PREFIX}_engines_warm", "Engines that take batches", sum(e.limit > 0 for e in engines)
        )
        restarts = CounterMetricFamily(f"{PREFIX}_engine_restarts", "Engine processes that died", labels=["device"])
        for engine in engines:
            restarts.add_metric([engine.spec.device], engine.restarts)
        yield restarts

    def describe(self) -> list[Metric]:
        return []  # nothing to ask before anything is up


class WorkerMetrics(PaintMetrics):
    """Those of a worker: how its orders end as well."""

    def __init__(self) -> None:
        super().__init__()
        self._orders = Counter(
            f"{PREFIX}_orders_ended",
            "Orders by how they ended: painted, given back, or the code of why there is no picture",
            ["outcome"],
            registry=self.registry,
        )

    def order(self, outcome: str) -> None:
        """An order is done with here."""
        self._orders.labels(outcome).inc()


def _build() -> dict[str, str]:
    packages = {"version": "selfie2anime", "keras": "keras"}
    installed = {label: installed_version(package) or "unknown" for label, package in packages.items()}
    return installed | {"python": platform.python_version()}
