"""Long polling that confirms an update only when it is dealt with.

The Bot API forgets an update as soon as a later offset is asked for, and the SDK's own polling asks while the update
is in memory alone: a photo that came in the moment before a crash would never be answered. Here the offset stays at
the oldest update that is not finished, and a photo is finished when its job is written down.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from telegram import Bot, Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from bots.telegram import albums
from bots.telegram.backoff import Backoff, asked_pause
from storage import StorageError

log = structlog.get_logger(__name__)

LONG_POLL = 30  # seconds that Telegram holds a request when there is nothing
GLANCE = 0.3  # seconds between two looks for news while older updates are still being dealt with
MOST = 100  # updates that Telegram gives at once
STEP = 10  # new updates asked for at once; reading a hundred would hold up the event loop
BUSY = 10  # with more under way, an album being one, none are asked for: pictures that are ready need the loop's turns
HELD = 60.0  # seconds after which an update is confirmed regardless, so that a stuck one does not stop all
ALLOWED = ("message", "callback_query", "inline_query", "my_chat_member")


@dataclass(frozen=True, slots=True)
class _Taken:
    update: Update
    task: asyncio.Task[bool]
    since: float  # of the loop's clock

    @property
    def album(self) -> tuple[int, str] | None:
        message = self.update.message
        return (message.chat_id, message.media_group_id) if message and message.media_group_id else None


class Poller:
    """Args:
    handle: deals with one update; False when it must come again after a restart.
    keep: writes one down until the task that deals with it is done.

    Attributes:
        online: whether Telegram answered when it was last asked for updates.
    """

    def __init__(
        self,
        bot: Bot,
        handle: Callable[[Update], Awaitable[bool]],
        keep: Callable[[Update, asyncio.Task[bool]], Awaitable[None]],
    ) -> None:
        self.online = True  # it has just taken the token
        self._bot = bot
        self._handle = handle
        self._keep = keep
        self._offset = 0
        self._taken: dict[int, _Taken] = {}  # not confirmed yet, by update id
        self._late: dict[int, _Taken] = {}  # confirmed before they were done

    async def run(self) -> None:
        """Poll until cancelled, or until `handle` takes no more.

        Raises:
            InvalidToken: Telegram no longer takes the token.
        """
        backoff = Backoff()
        while await self._settle():
            try:
                if self._may_ask():
                    await self._poll(0 if self._taken else LONG_POLL)
            except InvalidToken:
                raise
            except RetryAfter as error:
                await asyncio.sleep(asked_pause(error))
            except Conflict as error:
                self.online = False
                log.error("another program polls with this TELEGRAM_TOKEN; only one can", why=str(error))
                await backoff.wait()
            except TelegramError as error:
                self.online = False
                log.warning("Telegram does not answer, trying again", why=str(error))
                await backoff.wait()
            except Exception:  # an update that the SDK can not read, perhaps: a day later Telegram has dropped it
                self.online = False
                log.exception("updates not taken, trying again")
                await backoff.wait()
            else:
                backoff.reset()
            if self._taken:
                await asyncio.wait({taken.task for taken in self._taken.values()}, timeout=GLANCE)

    async def stop(self, grace: float) -> None:
        """Let updates under way finish for up to `grace` seconds, and confirm those that did."""
        tasks = {taken.task for taken in (*self._taken.values(), *self._late.values())}
        if tasks:
            await asyncio.wait(tasks, timeout=grace)
        await self._settle()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not self._offset:
            return
        try:
            async with asyncio.timeout(5):
                await self._bot.get_updates(offset=self._offset, limit=1, timeout=0, allowed_updates=ALLOWED)
        except (TelegramError, TimeoutError) as error:
            log.info("updates not confirmed; they come again after the start", why=str(error))

    def _may_ask(self) -> bool:
        """Not with too many under way, unless the rest of an album may be waiting, which is not to be torn apart."""
        now = asyncio.get_running_loop().time()
        all_taken = (*self._taken.values(), *self._late.values())
        under_way = [taken for taken in all_taken if not taken.task.done() and taken.since > now - HELD]
        if len({taken.album or taken.update.update_id for taken in under_way}) <= BUSY:
            return True
        return any(taken.album and taken.since > now - albums.QUIET for taken in under_way)

    async def _poll(self, seconds: int) -> None:
        updates = await self._bot.get_updates(
            offset=self._offset or None,
            timeout=seconds,
            allowed_updates=ALLOWED,
            limit=min(MOST, len(self._taken) + STEP),
        )
        self.online = True
        now = asyncio.get_running_loop().time()
        for update in updates:
            if update.update_id not in self._taken:
                task = asyncio.create_task(self._deal(update), name=f"update {update.update_id}")
                self._taken[update.update_id] = _Taken(update, task, now)
                await asyncio.sleep(0)  # many that begin at the same moment would hold up everybody else

    async def _deal(self, update: Update) -> bool:
        try:
            return await self._handle(update)
        except Exception:  # the poller outlives every mistake, and the update would only make it again
            log.exception("update failed", update=update.update_id)
            return True

    async def _settle(self) -> bool:
        """Move the offset up to the oldest update that is not finished. False: one was put off, so stop."""
        now = asyncio.get_running_loop().time()
        for number in sorted(self._taken):
            taken = self._taken[number]
            if not taken.task.done():
                # Telegram gives MOST from the offset on: with so many behind this one, no others would come.
                if now - taken.since < HELD and len(self._taken) <= MOST - STEP:
                    break
                await self._let_go(number, taken)
            elif not taken.task.result():
                return False
            self._offset = number + 1
            del self._taken[number]
        # One that was put off may stand behind others that still go on.
        return all(taken.task.result() for taken in self._taken.values() if taken.task.done())

    async def _let_go(self, number: int, taken: _Taken) -> None:
        """Confirm one before it is done; it is written down meanwhile."""
        log.warning("update takes long and is confirmed before it is done", update=number)
        self._late[number] = taken
        taken.task.add_done_callback(lambda _: self._late.pop(number))
        try:
            await self._keep(taken.update, taken.task)
        except StorageError as error:
            log.warning("update not kept", update=number, why=str(error))
