"""Albums on their way in: Telegram sends their items as separate updates with one `media_group_id`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from telegram import Message

QUIET = 0.8  # seconds after the latest item until an album counts as complete


@dataclass(frozen=True, slots=True)
class Item:
    update_id: int
    message: Message


@dataclass(slots=True)
class _Album:
    """`waiting`: items that are not handed on yet; `came`: there is another one."""

    waiting: list[Item] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, item: Item) -> None:
        self.waiting.append(item)
        self.came.set()

    async def quiet(self) -> None:
        """Wait until none has come for a while."""
        with contextlib.suppress(TimeoutError):
            while True:
                self.came.clear()
                async with asyncio.timeout(QUIET):
                    await self.came.wait()


class Albums:
    """Hands on all items of an album together.

    Args:
        take: deals with the items of one album, in the order they have in the chat, each once. Called again with those
            that came while it was busy.
    """

    def __init__(self, take: Callable[[Sequence[Item]], Awaitable[None]]) -> None:
        self._take = take
        self._open: dict[tuple[int, str], _Album] = {}

    async def join(self, update_id: int, message: Message) -> None:
        """Add one item; returns when its album is dealt with.

        So no update of an album is confirmed, or forgotten by the keeper, before its job is written down: after a crash
        in between, all of them come again, and are one album again.
        """
        key = (message.chat_id, str(message.media_group_id))
        item = Item(update_id, message)
        if (album := self._open.get(key)) is not None:
            album.add(item)
            await album.over.wait()
            return
        album = self._open[key] = _Album()
        album.add(item)
        failed: Exception | None = None
        try:
            while album.waiting:
                await album.quiet()
                items, album.waiting = album.waiting, []
                try:
                    await self._take(sorted(items, key=lambda one: one.message.message_id))
                except Exception as error:  # those that came meanwhile are dealt with all the same
                    failed = error
        finally:
            del self._open[key]
            album.over.set()
        if failed is not None:
            raise failed
