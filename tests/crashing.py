"""The service without Telegram's flood limits, that names its processes: `python -m tests.crashing`.

A thousand answers at 30 calls a second would take minutes, and what is tested is not how calls are paced. NETWORK
stands in for U-GAT-IT (see `inference.Pipeline`); empty: U-GAT-IT itself.
"""

import asyncio
import functools
import os
from multiprocessing.context import SpawnProcess

from bots.app import serve
from bots.telegram import limiter
from config import load_settings

STARTED = "started"  # first word of the line that names a process, before its name and its id


def say(line: str) -> None:
    print(line, flush=True)


def lift_limits() -> None:
    """Of all calls together, and of each chat: a crowd of few people sends the photos of many."""
    limiter.OVERALL = limiter.BACKGROUND = limiter.CHAT = limiter.GROUP = (1_000_000, 1.0)


def name_processes() -> None:
    start = SpawnProcess.start

    @functools.wraps(start)
    def started(process: SpawnProcess) -> None:
        start(process)
        say(f"{STARTED} {process.name} {process.pid}")

    SpawnProcess.start = started


if __name__ == "__main__":  # the engine's processes import this module again
    lift_limits()
    name_processes()
    network = {"network": os.environ["NETWORK"]} if os.environ.get("NETWORK") else {}
    asyncio.run(serve(load_settings(), say=say, **network))
