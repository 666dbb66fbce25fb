"""Updates that Telegram is told are taken before they are dealt with: kept in the database until they are.

Over a webhook, Telegram sends a chat's next update only when it is told so
(https://github.com/tdlib/telegram-bot-api, WebhookActor), and an album is dealt with only when all its items are there.
And what a press sends may wait long for its turn in its chat, while the poller is to hear the others; so may any other
update that takes long.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from telegram import Bot, Update

from bots.telegram.intake import person_of
from storage import StorageError
from storage.arrivals import Arrival, Arrivals

log = structlog.get_logger(__name__)

PLATFORM = "telegram"


class Keeper:
    """Args:
    handle: deals with one update; False when it must come again after a restart.
    clock: unix time in seconds.
    """

    def __init__(
        self,
        bot: Bot,
        arrivals: Arrivals,
        handle: Callable[[Update], Coroutine[Any, Any, bool]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bot = bot
        self._arrivals = arrivals
        self._handle = handle
        self._clock = clock
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def keep(self, update: Update) -> None:
        """Write one down, and deal with it in the background.

        Raises:
            StorageError: it is not kept.
        """
        await self._write_down(update)
        self._begin(update)

    async def keep_until(self, update: Update, dealing: asyncio.Task[bool]) -> None:
        """Write one down that is being dealt with already.

        Args:
            dealing: gives what `handle` does.

        Raises:
            StorageError: it is not kept.
        """
        await self._write_down(update)
        self._begin(update, dealing)

    async def resume(self) -> None:
        """Deal with what an earlier process left."""
        for arrival in await self._arrivals.of(PLATFORM):
            try:
                update = Update.de_json(json.loads(arrival.body), self._bot)
            except Exception:  # nor could the next start read it
                log.exception("kept update unreadable", update=arrival.number)
                await self._remove(arrival.number)
            else:
                self._begin(update)

    async def close(self, grace: float) -> None:
        """Let what is under way finish for up to `grace` seconds; with the rest the next start goes on."""
        tasks = [*self._under_way.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write_down(self, update: Update) -> None:
        arrival = Arrival(PLATFORM, update.update_id, _sender(update), update.to_json(), self._clock())
        await self._arrivals.add(arrival)

    def _begin(self, update: Update, dealing: asyncio.Task[bool] | None = None) -> None:
        number = update.update_id
        if number not in self._under_way:  # else the same one came twice
            task = asyncio.create_task(self._deal(update, dealing), name=f"update {number}")
            self._under_way[number] = task
            task.add_done_callback(lambda _: self._under_way.pop(number))

    async def _deal(self, update: Update, dealing: asyncio.Task[bool] | None) -> None:
        try:
            if not await (dealing or self._handle(update)):
                return
        except Exception:  # the update would only make the same mistake again
            log.exception("update failed", update=update.update_id)
        await self._remove(update.update_id)

    async def _remove(self, number: int) -> None:
        try:
            await self._arrivals.remove(PLATFORM, number)
        except StorageError as error:  # what was done is found to be done after the next start
            log.warning("update stays written down", update=number, why=str(error))


def _sender(update: Update) -> str:
    """Whose it is, as their jobs and their wish to be forgotten have it; nobody's when no person sent it."""
    if update.message is not None:
        return person_of(update.message)
    return f"{PLATFORM}:{update.effective_user.id}" if update.effective_user else ""
