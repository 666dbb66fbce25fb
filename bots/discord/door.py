"""Answers of the studio, edited into the response of the interaction that asked, or sent late where that is over."""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import aiohttp
import discord
import structlog

from bots.allowance import Allowances
from bots.discord.buttons import Buttons
from bots.discord.files import as_files, side_by_side_each
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
"""JSON error codes (Discord: Opcodes and Status Codes)."""
TOKEN_DEAD = frozenset({UNKNOWN_WEBHOOK, UNKNOWN_INTERACTION, INVALID_TOKEN})


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
        beside = ReplyTo.from_json(job.reply).beside
        pictures = await side_by_side_each(delivery.pictures) if beside else delivery.pictures
        few = await self._allowances.few(job.person)
        text = self._phrases.done(job.language, delivery, job.reference, few)
        await self._answer(job, text, pictures, self._buttons.result(job, delivery, beside=beside))

    async def explain(self, job: Job, code: str, reference: str) -> None:
        buttons = self._buttons.whole(job) if code in WITHOUT_FACE else None
        await self._answer(job, self._phrases.failure(job.language, code, reference), (), buttons)

    async def dismiss(self, job: Job) -> None:
        await self._answer(job, self._phrases.failure(job.language, "cancelled", ""), ())

    async def _answer(
        self, job: Job, text: str, pictures: Sequence[Picture], buttons: discord.ui.View | None = None
    ) -> None:
        if self._context is None:
            raise NotConnected("the Discord bot has not logged in yet")
        self._answered.append(job.id)
        status = self._statuses.pop(job.id, None)
        if status is not None:
            await status.end()
        await _spawn(self._context, self._send(ReplyTo.from_json(job.reply), text, pictures, buttons))

    async def _send(
        self, reply: ReplyTo, text: str, pictures: Sequence[Picture], buttons: discord.ui.View | None
    ) -> None:
        if self._token_works(reply):
            try:
                await self._edit(reply, text, pictures, buttons)
                return
            except discord.HTTPException as error:
                if error.code == UNKNOWN_MESSAGE:
                    raise Undeliverable("the response was deleted") from error
                if error.code not in TOKEN_DEAD:
                    raise
        await self._send_late(reply, text, pictures, buttons)

    async def _edit(
        self, reply: ReplyTo, text: str, pictures: Sequence[Picture], buttons: discord.ui.View | None
    ) -> None:
        response = discord.Webhook.partial(reply.application_id, reply.token, client=self._bot)
        edit = partial(
            response.edit_message, reply.message_id, content=text, view=buttons, allowed_mentions=NO_MENTIONS
        )
        try:
            await edit(attachments=await as_files(pictures, reply.filesize_limit))
        except discord.HTTPException as error:
            if not (pictures and (error.status == 413 or error.code == REQUEST_TOO_LARGE)):
                raise
            await edit(attachments=await as_files(pictures, reply.filesize_limit, "jpeg"))

    async def _send_late(
        self, reply: ReplyTo, text: str, pictures: Sequence[Picture], buttons: discord.ui.View | None
    ) -> None:
        """To the channel as a reply; what only the person may see, and where the bot is no member, to their DMs.

        The nonce makes Discord drop a second copy when an attempt is repeated whose answer was lost.
        """
        under = buttons if buttons is not None else discord.utils.MISSING
        limit = min(reply.filesize_limit, discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES)
        if not reply.ephemeral:
            try:
                await self._bot.get_partial_messageable(reply.channel_id).send(
                    f"<@{reply.user_id}> {text}",
                    files=await as_files(pictures, limit),
                    view=under,
                    nonce=reply.message_id,
                    reference=discord.MessageReference(
                        message_id=reply.message_id, channel_id=reply.channel_id, fail_if_not_exists=False
                    ),
                    allowed_mentions=discord.AllowedMentions(
                        everyone=False, roles=False, users=[discord.Object(reply.user_id)], replied_user=False
                    ),
                )
                return
            except (discord.Forbidden, discord.NotFound):
                log.info("discord channel closed", channel=reply.channel_id)
        try:
            direct = await self._bot.create_dm(discord.Object(reply.user_id))
            files = await as_files(pictures, limit)
            await direct.send(text, files=files, view=under, nonce=reply.message_id, allowed_mentions=NO_MENTIONS)
        except (discord.Forbidden, discord.NotFound) as error:
            raise Undeliverable("neither the channel nor direct messages take the answer") from error

    async def _show(self, reply: ReplyTo, text: str, buttons: discord.ui.View) -> bool:
        response = discord.Webhook.partial(reply.application_id, reply.token, client=self._bot)
        try:
            await response.edit_message(reply.message_id, content=text, view=buttons, allowed_mentions=NO_MENTIONS)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            # Names the kind alone: the error of a request may carry its address, and that has the token in it.
            log.info("discord progress not shown", error=type(error).__name__, code=getattr(error, "code", None))
            return False
        return True

    def _token_works(self, reply: ReplyTo) -> bool:
        return self._clock() < reply.expires_at - TOKEN_MARGIN


def _spawn(context: contextvars.Context, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return context.copy().run(asyncio.create_task, work)
