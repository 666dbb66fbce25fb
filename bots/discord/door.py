"""Answers of the studio, edited into the response to whoever asked, or sent late where that can't be edited."""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import aiohttp
import discord
import structlog

from bots.allowance import Allowances
from bots.discord.buttons import Buttons
from bots.discord.files import MOST_FILES, as_files, side_by_side_each
from bots.discord.intake import NO_MENTIONS
from bots.discord.phrases import Phrases
from bots.discord.reply import ReplyTo
from bots.discord.status import StatusLine
from bots.requests import Delivery, Picture, Progress, Undeliverable
from bots.variants import WITHOUT_FACE
from storage import Job

log = structlog.get_logger(__name__)

EDIT_INTERVAL = 2.0
"""Seconds between two edits of one status."""
TOKEN_MARGIN = 10.0
"""Seconds before its end that a token is given up, so that no upload is cut off by it."""

UNKNOWN_MESSAGE = 10008
UNKNOWN_WEBHOOK = 10015
UNKNOWN_INTERACTION = 10062
REQUEST_TOO_LARGE = 40005
INVALID_TOKEN = 50027
THREAD_ARCHIVED = 50083
THREAD_LOCKED = 160005
"""JSON error codes (Discord: Opcodes and Status Codes)."""
TOKEN_DEAD = frozenset({UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, INVALID_TOKEN})
THREAD_CLOSED = frozenset({THREAD_ARCHIVED, THREAD_LOCKED})


class NotConnected(Exception):
    """The bot has not logged in yet; the answer is tried again later."""


class DiscordDoor:
    """The door as the studio sees it.

    Everything it sends runs in the context in which the bot logged in: discord.py keeps the adapter for webhook
    routes in a context variable, and the studio calls from tasks of its own.
    """

    platform = "discord"

    def __init__(
        self, bot: discord.Client, phrases: Phrases, allowances: Allowances, clock: Callable[[], float] = time.time
    ) -> None:
        self._bot = bot
        self._phrases = phrases
        self._allowances = allowances
        self._buttons = Buttons(phrases)
        self._clock = clock
        self._context: contextvars.Context | None = None
        self._statuses: dict[str, StatusLine] = {}
        self._answered: deque[str] = deque(maxlen=256)  # job ids; progress that was on its way comes right after

    def connect(self) -> None:
        """The bot has logged in: from now on it can answer. Called in the context that sends."""
        self._context = contextvars.copy_context()

    async def close(self) -> None:
        """End the status lines that are still being shown."""
        self._context = None
        statuses, self._statuses = self._statuses, {}
        for status in statuses.values():
            await status.end()

    async def progress(self, job: Job, progress: Progress) -> None:
        text = self._phrases.progress(job.language, progress)
        reply = ReplyTo.from_json(job.reply)
        if text is None or self._context is None or job.id in self._answered or not self._token_works(reply):
            return
        status = self._statuses.get(job.id)
        if status is None:

            async def show(line: str) -> bool:
                return await self._show(reply, line, self._buttons.cancel(job))

            status = self._statuses[job.id] = StatusLine(show, EDIT_INTERVAL, partial(_spawn, self._context))
        status.say(text)

    async def deliver(self, job: Job, delivery: Delivery) -> None:
        # Never more than are shown, also of a job that was painted for an earlier version: the words count them.
        delivery = replace(delivery, pictures=delivery.pictures[:MOST_FILES])
        beside = ReplyTo.from_json(job.reply).beside
        pictures = await side_by_side_each(delivery.pictures) if beside else delivery.pictures
        few = await self._allowances.few(job.person)
        text = self._phrases.done(job.language, delivery, job.reference, few)
        await self._answer(job, text, pictures, self._buttons.result(job, delivery, beside=beside))

    async def explain(self, job: Job, code: str, reference: str) -> None:
        buttons = self._buttons.whole(job) if code in WITHOUT_FACE else None
        await self._answer(job, self._phrases.failure(job.language, code, reference), (), buttons)

    async def dismiss(self, job: Job) -> None:
        await self._settle(job, partial(self._cancelled, text=self._phrases.failure(job.language, "cancelled", "")))

    async def take_away(self, message: ReplyTo) -> bool:
        """Delete a message that a press sent. False: Discord does not let the bot, and others may see it."""
        ways: list[Callable[[], Awaitable[None]]] = []
        if self._token_works(message):
            ways.append(partial(self._response(message).delete_message, message.message_id))
        if not message.ephemeral:
            ways.append(self._status_of(message).delete)
        for delete in ways:
            try:
                await delete()
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                code = getattr(error, "code", None)
                if code != UNKNOWN_MESSAGE:
                    log.info("discord message stays", error=type(error).__name__, code=code)
                    continue
            return True
        return message.ephemeral

    async def _answer(
        self, job: Job, text: str, pictures: Sequence[Picture], buttons: discord.ui.View | None = None
    ) -> None:
        await self._settle(job, partial(self._send, text=text, pictures=pictures, buttons=buttons))

    async def _settle(self, job: Job, send: Callable[[ReplyTo], Coroutine[Any, Any, None]]) -> None:
        """End the status of a job, then send what comes in its place."""
        if self._context is None:
            raise NotConnected("the Discord bot has not logged in yet")
        self._answered.append(job.id)
        status = self._statuses.pop(job.id, None)
        if status is not None:
            await status.end()
        await _spawn(self._context, send(ReplyTo.from_json(job.reply)))

    async def _send(
        self, reply: ReplyTo, text: str, pictures: Sequence[Picture], buttons: discord.ui.View | None
    ) -> None:
        if self._token_works(reply):
            try:
                await self._edit(reply, text, pictures, buttons)
                return
            except discord.HTTPException as error:
                gone = reply.own and isinstance(error, (discord.Forbidden, discord.NotFound))
                if gone or error.code == UNKNOWN_MESSAGE:
                    raise Undeliverable("the response was deleted") from error
                if error.code not in TOKEN_DEAD | THREAD_CLOSED:
                    raise
        await self._send_late(reply, text, pictures, buttons)
        if not reply.ephemeral:  # the status and its Cancel would stand there for ever
            await _quietly(self._status_of(reply).delete())

    async def _edit(
        self, reply: ReplyTo, text: str, pictures: Sequence[Picture], buttons: discord.ui.View | None
    ) -> None:
        edit = partial(self._editing(reply), content=text, view=buttons, allowed_mentions=NO_MENTIONS)
        try:
            await edit(attachments=await as_files(pictures, reply.filesize_limit, spoiler=reply.spoiler))
        except discord.HTTPException as error:
            if not (pictures and (error.status == 413 or error.code == REQUEST_TOO_LARGE)):
                raise
            await edit(attachments=await as_files(pictures, reply.filesize_limit, "jpeg", spoiler=reply.spoiler))

    async def _send_late(
        self, reply: ReplyTo, text: str, pictures: Sequence[Picture], buttons: discord.ui.View | None
    ) -> None:
        """To the channel; what only the person may see, and where the bot is no member, to their DMs.

        The nonce makes Discord drop a second copy when an attempt is repeated whose answer was lost.
        """
        under = buttons if buttons is not None else discord.utils.MISSING
        limit = min(reply.filesize_limit, discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES)
        if not reply.ephemeral:
            try:
                await self._bot.get_partial_messageable(reply.channel_id).send(
                    f"<@{reply.user_id}> {text}",
                    files=await as_files(pictures, limit, spoiler=reply.spoiler),
                    view=under,
                    nonce=reply.message_id,
                    allowed_mentions=discord.AllowedMentions(
                        everyone=False, roles=False, users=[discord.Object(reply.user_id)], replied_user=False
                    ),
                )
                return
            except discord.HTTPException as error:
                if error.status not in {403, 404} and error.code not in THREAD_CLOSED:
                    raise
                log.info("discord channel closed", channel=reply.channel_id)
        try:
            direct = await self._bot.create_dm(discord.Object(reply.user_id))
            files = await as_files(pictures, limit, spoiler=reply.spoiler)
            await direct.send(text, files=files, view=under, nonce=reply.message_id, allowed_mentions=NO_MENTIONS)
        except (discord.Forbidden, discord.NotFound) as error:
            raise Undeliverable("neither the channel nor direct messages take the answer") from error

    async def _cancelled(self, reply: ReplyTo, text: str) -> None:
        """Say so in the status, where a press has not done it already; nothing new is sent for it, however late."""
        if not (self._token_works(reply) and await self._show(reply, text, None)) and not reply.ephemeral:
            await _quietly(self._status_of(reply).edit(content=text, view=None, allowed_mentions=NO_MENTIONS))

    async def _show(self, reply: ReplyTo, text: str, buttons: discord.ui.View | None) -> bool:
        try:
            await self._editing(reply)(content=text, view=buttons, allowed_mentions=NO_MENTIONS)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            # Names the kind alone: the error of a request may carry its address, and that has the token in it.
            log.info("discord progress not shown", error=type(error).__name__, code=getattr(error, "code", None))
            return False
        return True

    def _editing(self, reply: ReplyTo) -> Callable[..., Awaitable[object]]:
        """What edits the response."""
        if reply.own:
            return self._status_of(reply).edit
        return partial(self._response(reply).edit_message, reply.message_id)

    def _response(self, reply: ReplyTo) -> discord.Webhook:
        """What its token gives access to."""
        return discord.Webhook.partial(reply.application_id, reply.token, client=self._bot)

    def _status_of(self, reply: ReplyTo) -> discord.PartialMessage:
        """The response without its token: within reach where the bot is a member."""
        return self._bot.get_partial_messageable(reply.channel_id).get_partial_message(reply.message_id)

    def _token_works(self, reply: ReplyTo) -> bool:
        """The bot's own message needs none."""
        return reply.own or self._clock() < reply.expires_at - TOKEN_MARGIN


async def _quietly(change: Awaitable[object]) -> None:
    """A status that can't be changed any more stays: the bot is no member there, or a moderator was faster."""
    try:
        await change
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        log.info("discord status stays", error=type(error).__name__, code=getattr(error, "code", None))


def _spawn(context: contextvars.Context, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return context.copy().run(asyncio.create_task, work)
