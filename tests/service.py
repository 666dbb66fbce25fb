"""The real service in a process of its own, as an operator runs it."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[1]


class Service:
    """`python -m bots`, or another module that runs the service, with its data under `folder` and a free port.

    `settings` are environment variables; nothing of the surrounding environment but PATH and HOME gets through.
    A module may be followed by arguments, such as `inference worker`.
    """

    def __init__(self, folder: Path, *, module: str = "bots", **settings: str) -> None:
        self._module = module.split()
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONWARNINGS": "error::ResourceWarning",
            "DATABASE_PATH": str(folder / "jobs.db"),
            "STORAGE_URL": f"file:{folder / 'objects'}",
            "WEB_PORT": "0",
            "LOG_FORMAT": "json",
            "LOG_LEVEL": "debug",
            **settings,
        }
        self._folder = folder
        self._process: asyncio.subprocess.Process
        self._started = False
        self._reader: asyncio.Task[None]
        self._grew = asyncio.Event()
        self.output = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:  # what the service said is half of the story of a failed test
            print(self.output)
        await self.kill()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def address(self) -> str:
        """Where the page is, as the service printed it."""
        lines = [line for line in self.output.splitlines() if line.startswith("Page and API")]
        return lines[-1].split()[-1]

    def mapped_files(self) -> str:
        """Every library and file in the memory of the service process itself (Linux)."""
        return Path(f"/proc/{self.pid}/maps").read_text()

    async def start(self, **settings: str) -> None:
        """Start it (again) on the same data, with `settings` for this time alone; returns at once."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *self._module,
            cwd=self._folder,
            env={**self._environment, "PYTHONPATH": str(ROOT), **settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._started = True
        self._reader = asyncio.create_task(self._read())

    async def said(self, text: str, times: int = 1, within: float = 150) -> None:
        """Wait until the output holds `text` that often."""
        async with asyncio.timeout(within):
            while self.output.count(text) < times:
                self._grew.clear()
                if self._reader.done():
                    raise AssertionError(f"the service ended without saying {text!r}:\n{self.output}")
                await self._grew.wait()

    async def stop(self, within: float = 150) -> int:
        """SIGTERM; returns the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return await self.ended(within)

    async def interrupt(self) -> int:
        """Ctrl-C: SIGINT to the service and every process of its group; returns the exit code."""
        os.killpg(self._process.pid, signal.SIGINT)
        return await self.ended()

    async def ended(self, within: float = 150) -> int:
        """Wait for the end; returns the exit code."""
        async with asyncio.timeout(within):
            await self._reader
            return await self._process.wait()

    async def kill(self) -> None:
        """SIGKILL, as the kernel does it when memory is gone. Nothing happens to one that never started."""
        if not self._started:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while chunk := await self._process.stdout.read(65536):
            self.output += chunk.decode(errors="replace")
            self._grew.set()
        self._grew.set()
