"""The service in a process that dies at a step of its way: `python -m tests.dying`.

A step is a call that leaves a trace outside the process: of the platform, the store or the database. Each is written
as a line into the file STEPS once it has had its effect. With DIE_AFTER the process kills itself there, before its own
code learns of it: what happens between two steps leaves no trace, so a kill there is like one at the step before.
"""

import asyncio
import functools
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from bots.app import serve
from config import load_settings
from storage import Jobs
from storage.files import FileStore

# The bot asks and says these whether or not there is a photo; the chat action is a courtesy without consequence.
APART = ("getUpdates", "getMe", "sendChatAction", "setMy", "getMy", "deleteWebhook", "getWebhookInfo")


class Steps:
    """Counts steps by name, and dies at one."""

    def __init__(self, log: Path, last: str | None) -> None:
        self._log = log
        self._last = last
        self._seen: Counter[str] = Counter()

    def done(self, name: str) -> None:
        self._seen[name] += 1
        step = f"{name} {self._seen[name]}"
        with self._log.open("a") as log:
            log.write(step + "\n")
        if step == self._last:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: Any, method: str, name: Callable[..., str | None]) -> None:
        """Count calls of a coroutine method once they are over; `name` is given their arguments."""
        original = getattr(owner, method)

        @functools.wraps(original)
        async def watched(self_: Any, *args: Any, **kwargs: Any) -> Any:
            result = await original(self_, *args, **kwargs)
            step = name(*args, **kwargs)
            if step is not None:
                self.done(step)
            return result

        setattr(owner, method, watched)


def _call(_: str, url: str | URL, **__: Any) -> str | None:
    path = URL(url).path
    method = path.rpartition("/")[2]
    if "/file/" in path:
        return "telegram download"
    return None if method.startswith(APART) else f"telegram {method}"


async def main() -> None:
    steps = Steps(Path(os.environ["STEPS"]), os.environ.get("DIE_AFTER"))
    steps.watch(aiohttp.ClientSession, "_request", _call)
    for method in ("put", "get", "delete"):
        steps.watch(FileStore, method, lambda *_, method=method, **__: f"store {method}")
    steps.watch(Jobs, "add", lambda *_, **__: "jobs add")
    steps.watch(Jobs, "remember", lambda *_, **__: "jobs remember")
    steps.watch(Jobs, "advance", lambda _, state, **__: f"jobs {state}")
    await serve(load_settings(), say=lambda line: print(line, flush=True), network="tests.inference.networks:Invert")


if __name__ == "__main__":  # the engine's processes import this module again
    asyncio.run(main())
