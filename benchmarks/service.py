"""The service in a process of its own, and what it costs: from the operating system and from its own `/metrics`."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[1]
LAG = "selfie2anime_loop_lag_seconds_bucket"


@dataclass(frozen=True, slots=True)
class Reading:
    """The service at one moment.

    Args:
        cpu: seconds of the service process alone, since its start; `children`: of prepare and engine processes.
        memory: resident bytes of the service process.
        samples: of `/metrics`, summed over labels, but the lag's buckets by their bound.
        lag: samples of the event loop's lag at most so late, by seconds, cumulative.
    """

    cpu: float
    children: float
    memory: int
    samples: dict[str, float]
    lag: dict[float, float]


@dataclass(frozen=True, slots=True)
class Running:
    """A service that is ready."""

    process: psutil.Process
    address: str
    session: aiohttp.ClientSession

    async def read(self) -> Reading:
        async with self.session.get(f"{self.address}/metrics") as answer:
            text = await answer.text()
        samples: dict[str, float] = {}
        lag: dict[float, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == LAG:
                    lag[float(sample.labels["le"])] = sample.value
                samples[sample.name] = samples.get(sample.name, 0.0) + sample.value
        children = sum(_cpu(child) for child in self.process.children(recursive=True))
        return Reading(_cpu(self.process), children, self.process.memory_info().rss, samples, lag)


@asynccontextmanager
async def running(folder: Path, module: str, **settings: str) -> AsyncIterator[Running]:
    """`python -m module` on an empty `folder`, from ready to its clean end. It logs into the folder.

    What this process' environment says of MODEL_… holds for it, too, unless `settings` say otherwise.

    Raises:
        RuntimeError: it ended by itself.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "WEB_PORT": "0",
        "DATABASE_PATH": str(folder / "jobs.db"),
        "STORAGE_URL": f"file:{folder / 'objects'}",
        "LOG_FORMAT": "json",
        **{name: value for name, value in os.environ.items() if name.startswith("MODEL_")},
        **settings,
    }
    with (folder / "log").open("wb") as log:
        service = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log
        )
    assert service.stdout is not None
    try:
        address = ""
        while (line := (await service.stdout.readline()).decode()) and not line.startswith("Ready"):
            if line.startswith("Page and API"):
                address = line.split()[-1]
        if not line:
            raise RuntimeError(f"the service did not start:\n{(folder / 'log').read_text()}")
        connector = aiohttp.TCPConnector(limit=0)  # everybody has a connection of their own
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
            yield Running(psutil.Process(service.pid), address, session)
    finally:
        if service.returncode is None:
            service.terminate()
        await service.wait()


def quantile(before: Reading, after: Reading, q: float) -> float:
    """Seconds of lag that a share `q` of the samples between two readings stayed within (a bucket's upper bound)."""
    counts = {bound: after.lag[bound] - before.lag.get(bound, 0.0) for bound in sorted(after.lag)}
    total = max(counts.values())
    return next(bound for bound, count in counts.items() if count >= q * total)


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
