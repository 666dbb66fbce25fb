"""The service under a crowd: `python -m benchmarks.load`; `--help` lists its options.

The real service process, asked over HTTP by people in this process: through the project's fake Telegram server, or
its own web API. First so many people at once, each of whom sends the next selfie as soon as the last is answered: that
is as much as the service takes, and its rate. Then a spike of new people at one moment, whose waiting is compared with
what that rate foretells: the k-th of them is answered after k / rate seconds.

With `--network stand-in` the network costs nothing, and what is left is the service's own cost; with `--random` it is
one of a real size, and painting is what people wait for. `MODEL_BACKEND=openvino` before the command tries another
backend; without, it paints as at its very first start, with TensorFlow. Limits of the service are raised so far that
nobody is refused; what is refused regardless is printed.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from benchmarks.crowd import Crowd, TelegramCrowd, Trip, WebCrowd, spike, steadily
from benchmarks.machine import describe
from benchmarks.photos import as_sent
from benchmarks.service import Reading, Running, quantile, running
from benchmarks.weights import random_weights
from tests.fakes.telegram import FakeTelegram

NETWORKS = {"real": "bots", "stand-in": "benchmarks.stand_in"}
WARM_UP = 16  # selfies that are not counted
SETTLE = 5.0  # seconds of silence before memory is read
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Phase:
    """What became of the selfies of one phase."""

    name: str
    trips: list[Trip]
    seconds: float
    before: Reading
    after: Reading

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.trips) / self.seconds

    @property
    def lost(self) -> int:
        return sum(trip.painted is None for trip in self.trips)

    def show(self) -> None:
        count = len(self.trips)
        painted = sum(trip.painted is True for trip in self.trips)
        service = 1000 * (self.after.cpu - self.before.cpu) / count
        children = 1000 * (self.after.children - self.before.children) / count
        delivered = self._told("selfie2anime_jobs_ended_total")
        refused = self._told("selfie2anime_photos_refused_total")
        lags = [1000 * quantile(self.before, self.after, q) for q in (0.5, 0.99)]
        print(f"\n{self.name}")
        print(f"  selfies            {count} sent, {painted} painted, {self.lost} lost   goal 0 lost")
        print(f"  by its metrics     {delivered} jobs ended, {refused} photos refused")
        print(f"  rate               {self.rate:.2f} selfies/s")
        print(f"  waiting            {mean(trip.seconds for trip in self.trips):.2f} s on average")
        print(f"  service process    {service:.1f} ms of CPU a selfie   goal 15")
        print(f"  its children       {children:.1f} ms of CPU a selfie (prepare, engine)")
        print(f"  event-loop lag     at most {lags[0]:.0f} ms (p50), {lags[1]:.0f} ms (p99)   goal p99 50")

    def _told(self, name: str) -> int:
        return round(self.after.samples.get(name, 0.0) - self.before.samples.get(name, 0.0))


@asynccontextmanager
async def _crowd(door: str, service: Running, telegram: FakeTelegram) -> AsyncIterator[Crowd]:
    photo = as_sent(0.3)
    if door == "web":
        yield WebCrowd(service.session, service.address, photo)
        return
    crowd = TelegramCrowd(telegram, photo)
    listening = asyncio.create_task(crowd.listen())
    try:
        yield crowd
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def measure(door: str, people: int, minutes: float, spiking: int, network: str, random: str) -> bool:
    """Run both phases and print what came of them. False: a selfie was lost, or answered twice."""
    limits = dict.fromkeys(("WAITING", "MINUTE", "HOUR", "ADDRESS", "QUEUE"), str(10 * (people + spiking)))
    settings = {f"LIMITS_{name}": value for name, value in limits.items()}
    async with FakeTelegram() as telegram:
        if door == "telegram":
            settings |= {
                "TELEGRAM_TOKEN": telegram.token,
                "TELEGRAM_BASE_URL": telegram.base_url,
                "TELEGRAM_FILE_URL": telegram.file_url,
            }
        with tempfile.TemporaryDirectory() as folder:
            if random:
                settings["MODEL_WEIGHTS"] = str(await asyncio.to_thread(random_weights, random, Path(folder)))
            async with (
                running(Path(folder), NETWORKS[network], **settings) as service,
                _crowd(door, service, telegram) as crowd,
            ):
                return await _phases(service, crowd, people, minutes, spiking)


async def _phases(service: Running, crowd: Crowd, people: int, minutes: float, spiking: int) -> bool:
    await spike(crowd, range(WARM_UP))
    first = await service.read()
    steady = await _phase(
        f"{people} people at once for {minutes:g} minutes", service, steadily(crowd, people, 60 * minutes)
    )
    steady.show()
    burst = await _phase(f"a spike of {spiking}", service, spike(crowd, range(people, people + spiking)))
    burst.show()
    foretold = (spiking + 1) / 2 / steady.rate
    waited = mean(trip.seconds for trip in burst.trips)
    off = waited / foretold - 1
    print(f"  foretold           {foretold:.2f} s on average, by the steady rate; off by {off:+.0%}   goal 10 %")
    await asyncio.sleep(SETTLE)
    last = await service.read()
    print("\nall in all")
    print(f"  answered twice     {crowd.doubles()}   goal 0")
    sizes = [reading.memory / MEGABYTE for reading in (first, steady.after, burst.after, last)]
    warm, steadied, spiked, rested = sizes
    print(f"  memory             {warm:.0f} MB warm, {steadied:.0f} after the steady crowd,")
    print(f"                     {spiked:.0f} after the spike, {rested:.0f} at rest")
    return not (steady.lost or burst.lost or crowd.doubles())


async def _phase(name: str, service: Running, work: Coroutine[None, None, list[Trip]]) -> Phase:
    before = await service.read()
    loop = asyncio.get_running_loop()
    began = loop.time()
    trips = await work
    seconds = loop.time() - began
    return Phase(name, trips, seconds, before, await service.read())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="The service under a crowd.")
    parser.add_argument("--door", choices=["telegram", "web"], default="telegram")
    parser.add_argument("--people", type=int, default=100, help="at once, all the time")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--spike", type=int, default=1000, help="people who send at one moment afterwards")
    parser.add_argument("--network", choices=sorted(NETWORKS), default="real")
    parser.add_argument("--random", default="", metavar="CHANNELSxSIZE", help="a network of that shape, random weights")
    given = parser.parse_args(arguments)
    print(describe("tensorflow-cpu", "keras", "python-telegram-bot", "fastapi"))
    print(f"door {given.door}, network {given.random or given.network}")
    work = measure(given.door, given.people, given.minutes, given.spike, given.network, given.random)
    sys.exit(not asyncio.run(work))


if __name__ == "__main__":
    main()
