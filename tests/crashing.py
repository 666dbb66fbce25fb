"""The service without Telegram's flood limits, that names its processes: `python -m tests.crashing`.

A thousand answers at 30 calls a second would take minutes, and what is tested is not how calls are paced. NETWORK
stands in for U-GAT-IT (see `inference.Pipeline`); empty: U-GAT-IT itself.
"""

import asyncio
import functools
import importlib
import os
from multiprocessing.context import SpawnProcess

from telegram.ext import AIORateLimiter

from bots.app import serve
from bots.telegram import application
from config import load_settings

STARTED = "started"  # first word of the line that names a process, before its name and its id


def say(line: str) -> None:
    print(line, flush=True)


def lift_limits() -> None:
    """Of all calls together; by the SDK's limiter, or by our own where there is one."""
    if hasattr(application, "AIORateLimiter"):
        application.AIORateLimiter = functools.partial(AIORateLimiter, overall_max_rate=0, group_max_rate=0)
    else:
        limiter = importlib.import_module("bots.telegram.limiter")
        limiter.OVERALL = limiter.BACKGROUND = (1_000_000, 1.0)


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
