"""The line under "thinking…": newest text only, edited at a bounded pace, silent once the answer stands."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
Sleep = Callable[[float], Awaitable[None]]


class StatusLine:
    """Shows the newest of the texts it is told, at most one per `interval` seconds.

    An edit that is on its way when the answer comes is waited for, so that it can never overwrite the answer.

    Args:
        show: edits the message; False: it can't be edited any more.
        interval: seconds between two edits.
        spawn: starts a task.
    """

    def __init__(
        self, show: Callable[[str], Awaitable[bool]], interval: float, spawn: Spawn, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._show = show
        self._interval = interval
        self._spawn = spawn
        self._sleep = sleep
        self._wanted: str | None = None
        self._shown: str | None = None
        self._ended = False
        self._editing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def say(self, text: str) -> None:
        """Show `text` as soon as the pace allows; the same text again changes nothing."""
        self._wanted = text
        if not self._ended and (self._task is None or self._task.done()) and text != self._shown:
            self._task = self._spawn(self._follow())

    async def end(self) -> None:
        """Nothing is shown after this returns."""
        self._ended = True
        async with self._editing:
            if self._task is not None:
                self._task.cancel()

    async def _follow(self) -> None:
        # The task lives on for one interval after an edit: that alone is what holds the pace.
        while self._wanted is not None and self._wanted != self._shown:
            async with self._editing:
                if self._ended:
                    return
                text = self._wanted
                if not await self._show(text):
                    self._ended = True
                    return
                self._shown = text
            await self._sleep(self._interval)
