"""Processes that take turns at the same work, so that whatever else the machine does meets them all."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Self, TextIO

WARM_UP = 2  # turns that do not count


@dataclass(frozen=True, slots=True)
class Turn:
    """Seconds of one turn: as the clock has it, and of all processor cores together."""

    wall: float
    cpu: float


class Contender:
    """A process that works when told to, from `with` to its end. See `contend`.

    Args:
        name: for people.
        module: run with `arguments`, in this environment with `environment` over it.
    """

    def __init__(self, name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
            cwd=Path(__file__).parents[1],
        )

    def __enter__(self) -> Self:
        self.about = self._line()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died with a line of ours unread, which `_line` has said
            self._process.stdin.close()
        self._process.wait()

    def turn(self) -> Turn:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return Turn(**json.loads(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"{self.name} ended with exit status {self._process.wait()}; its words are above")
        return line


def answers() -> TextIO:
    """Where a contender's own process speaks to the other side; from then on what libraries print goes to stderr."""
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return own


def contend(about: str, work: Callable[[], object], out: TextIO) -> None:
    """The contender's side: say what it is, then work once for every line that comes in, and say how long it took."""
    print(about, file=out, flush=True)
    for _ in sys.stdin:
        cpu, began = process_time(), perf_counter()
        work()
        print(json.dumps({"wall": perf_counter() - began, "cpu": process_time() - cpu}), file=out, flush=True)
