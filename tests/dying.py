"""The service in a process that dies at a step of its way: `python -m tests.dying`.

A step is a call that leaves a trace outside the process: of the platform, the store or the database. It is noted once
it has had its effect, and is where the process kills itself if that is the order, before its own code learns of it.
What happens between two steps leaves no trace, so a kill there is like one at the step before.

The file ORDERS says what is the order now; see `Orders`.
"""

import asyncio
import functools
import os
import re
import signal
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import aiohttp
from yarl import URL

from bots.app import serve
from config import load_settings
from storage.files import FileStore
from storage.sql import Sql

# The bot asks these whether or not there is a photo, or they leave no trace but a courtesy without consequence.
APART = ("getUpdates", "getMe", "getFile", "sendChatAction", "setMy", "getMy", "deleteWebhook", "getWebhookInfo")
CHANGE = re.compile(r"\s*(INSERT|UPDATE|DELETE)\s+(?:INTO\s+|FROM\s+)?(\w+)(?:\s+SET\s+(\w+))?")


class Orders:
    """Lines of a file that a test writes: what the steps are noted for, and after which of them to die, or nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def give(self, subject: str, last: str = "") -> Self:
        """From now on steps are counted anew. In one go: the other process reads the old order or this one."""
        fresh = self._file.with_suffix(".fresh")
        fresh.write_text(f"{subject}\n{last}")
        fresh.rename(self._file)
        return self

    def read(self) -> tuple[str, str]:
        subject, last = self._file.read_text().split("\n")
        return subject, last

    def note(self, subject: str, step: str) -> None:
        with self._notes(subject).open("a") as notes:
            notes.write(step + "\n")

    def steps(self, subject: str) -> list[str]:
        """What was noted for it."""
        notes = self._notes(subject)
        return notes.read_text().splitlines() if notes.exists() else []

    def _notes(self, subject: str) -> Path:
        return self._file.with_name(f"steps of {subject}")


class Steps:
    """Counts steps by name, and dies at one.

    A step belongs to the order that held when it began: a test that sees its effect and gives a new order may do so
    before the step is noted.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._seen: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def done(self, name: str, subject: str, last: str) -> None:
        seen = self._seen[subject]
        seen[name] += 1
        step = f"{name} {seen[name]}"
        self._orders.note(subject, step)
        if step == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: Any, method: str, name: Callable[..., str | None]) -> None:
        """Count calls of a coroutine method once they are over; `name` is given their arguments."""
        original = getattr(owner, method)

        @functools.wraps(original)
        async def watched(self_: Any, *args: Any, **kwargs: Any) -> Any:
            subject, last = self._orders.read()
            result = await original(self_, *args, **kwargs)
            step = name(*args, **kwargs)
            if step is not None:
                self.done(step, subject, last)
            return result

        setattr(owner, method, watched)


def _call(_: str, url: str | URL, **__: Any) -> str | None:
    path = URL(url).path
    method = path.rpartition("/")[2]
    if "/file/" in path:
        return "telegram download"
    return None if method.startswith(APART) else f"telegram {method}"


def _statement(statement: str, values: Any = ()) -> str | None:
    """Every statement that changes something, so that none is forgotten."""
    change = CHANGE.match(statement)
    if change is None:
        return None
    verb, table, column = change.groups()
    words = [verb.lower(), table, *([column] if column else [])]
    if column == "state" and isinstance(values, dict):
        words.append(values["to"])
    return " ".join(words)


async def main() -> None:
    steps = Steps(Orders(Path(os.environ["ORDERS"])))
    steps.watch(aiohttp.ClientSession, "_request", _call)
    for method in ("put", "delete"):
        steps.watch(FileStore, method, lambda *_, method=method, **__: f"store {method}")
    steps.watch(Sql, "query", _statement)
    await serve(load_settings(), say=lambda line: print(line, flush=True), network="tests.inference.networks:Invert")


if __name__ == "__main__":  # the engine's processes import this module again
    asyncio.run(main())
