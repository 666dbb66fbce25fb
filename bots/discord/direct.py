"""Photos that somebody sends to the bot in a direct message: no command, and so no interaction, comes with them.

The gateway tells of a message once, and what the bot says to it stands until the bot changes it. So each is written
down before it is answered, until its photos are taken in or refused; what a crash leaves, the next start goes on with.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import structlog

from bots.discord.commands import photos_of
from bots.discord.intake import NO_MENTIONS, Intake, Offered
from bots.discord.phrases import Phrases, new_reference
from bots.discord.reply import ReplyTo
from bots.requests import Refused
from bots.words import DEFAULT
from storage import Person, Source, StorageError
from storage.arrivals import Arrival

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

PLATFORM = "discord"
HINT_SECONDS = 60.0
"""A person is told how this works once in so many seconds, however much they write."""
GRACE = 5.0
"""Seconds for photos on their way in when the service stops: one may still be written down."""
LAST_WORDS = 2.0
"""Seconds to tell the others then."""
LOOKED_THROUGH = 100
"""Messages after a photo among which its answer is looked for; the answer follows at once."""
TROUBLE = (discord.DiscordException, aiohttp.ClientError, OSError)


class DirectMessages:
    """Answers each message with one of the bot's own, which says where the photo stands and becomes the picture."""

    def __init__(
        self, studio: "Studio", intake: Intake, phrases: Phrases, clock: Callable[[], float] = time.time
    ) -> None:
        self._studio = studio
        self._intake = intake
        self._phrases = phrases
        self._clock = clock
        self._hinted: dict[int, float] = {}
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def received(self, message: discord.Message) -> None:
        """Paint the photos, or say what to send. What is no direct message of a person is none of our business."""
        if message.author.bot or message.is_system() or not isinstance(message.channel, discord.DMChannel):
            return
        photos = photos_of(message)
        if photos:
            await asyncio.wait({self._begin(message.id, partial(self._answer, message, photos, None))})
        elif self._hint_is_due(message):
            await self._hint(message)

    async def resume(self, bot: discord.Client) -> None:
        """Go on with what an earlier process, or connection, left."""
        try:
            kept = await self._studio.arrivals.of(PLATFORM)
        except StorageError as error:
            log.warning("discord direct messages not taken up", error=str(error))
            return
        for arrival in kept:
            self._begin(arrival.number, partial(self._take_up, bot, arrival))

    async def close(self, grace: float = GRACE) -> None:
        """The service stops: let photos on their way come in for up to `grace` seconds, and tell the others."""
        if self._under_way:
            await asyncio.wait({*self._under_way.values()}, timeout=grace)
        tasks = {*self._under_way.values()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, number: int, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        task = self._under_way.get(number)
        if task is None:  # else the gateway repeated it
            task = self._under_way[number] = asyncio.create_task(work(), name=f"direct message {number}")
            task.add_done_callback(lambda _: self._under_way.pop(number))
        return task

    async def _hint(self, message: discord.Message) -> None:
        try:
            person = await self._studio.people.get(f"discord:{message.author.id}")
            await _reply(message, self._phrases.say(await self._language_of(person), "start"))
        except (*TROUBLE, StorageError) as error:  # nothing is owed
            log.info("discord hint not sent", error=type(error).__name__, code=getattr(error, "code", None))

    async def _answer(
        self, message: discord.Message, photos: Sequence[Offered], status: discord.Message | None
    ) -> None:
        """Answer a message, in `status` if that was sent for it already, and forget that it came."""
        language, who = DEFAULT, f"discord:{message.author.id}"
        source = Source(PLATFORM, str(message.channel.id), str(message.id), photos[0].key)
        try:
            body = json.dumps({"channel": message.channel.id})
            await self._studio.arrivals.add(Arrival(PLATFORM, message.id, who, body, self._clock()))
            person = await self._studio.people.get(who)
            language = await self._language_of(person)
            if status is None:
                status = await _reply(message, self._phrases.say(language, "discord.one_moment"))
            await self._paint(source, photos, person, language, status)
        except (discord.Forbidden, discord.NotFound) as error:
            log.info("discord direct message closed", code=error.code)
        except asyncio.CancelledError:
            if await self._is_told_of_the_stop(source, language, status):
                await self._forget(message.id)
            raise
        except Exception as error:
            reference = new_reference()
            log.error("discord direct message failed", reference=reference, exc_info=error)
            text = self._phrases.failure(language, "unexpected", reference)
            try:
                await (_reply(message, text) if status is None else status.edit(content=text))
            except TROUBLE:  # it is still written down
                return
        await self._forget(message.id)

    async def _paint(
        self, source: Source, photos: Sequence[Offered], person: Person, language: str, status: discord.Message
    ) -> None:
        reply = ReplyTo(
            application_id=0,
            token="",
            message_id=status.id,
            channel_id=status.channel.id,
            user_id=int(person.id.removeprefix("discord:")),
            ephemeral=False,
            expires_at=0.0,
            filesize_limit=discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES,
            spoiler=any(photo.spoiler for photo in photos),
        )
        try:
            job = await self._intake.accept(source, person, language, photos, reply)
        except Refused as refused:
            await status.edit(content=self._intake.why_not(person, language, refused), allowed_mentions=NO_MENTIONS)
            return
        if ReplyTo.from_json(job.reply).message_id != status.id:  # the gateway repeated it: there is an answer already
            await status.delete()

    async def _take_up(self, bot: discord.Client, arrival: Arrival) -> None:
        """Answer a message that was written down, and perhaps answered in part."""
        channel = bot.get_partial_messageable(json.loads(arrival.body)["channel"])
        try:
            status = await _answer_to(channel, arrival.number, bot)
            photos, message = [], None
            with contextlib.suppress(discord.NotFound):
                message = await channel.fetch_message(arrival.number)
                photos = photos_of(message)
            if message is not None and photos:
                await self._answer(message, photos, status)
                return
            if status is not None:  # they took the photo back
                await status.delete()
        except (discord.Forbidden, discord.NotFound) as error:
            log.info("discord direct message closed", code=error.code)
        except TROUBLE as error:
            log.warning("discord direct message stays written down", error=type(error).__name__)
            return
        await self._forget(arrival.number)

    async def _is_told_of_the_stop(self, source: Source, language: str, status: discord.Message | None) -> bool:
        """True also when its photos are written down: the next start paints them."""
        try:
            async with asyncio.timeout(LAST_WORDS):
                if await self._studio.job_of(source) is not None:
                    return True
                if status is not None:
                    await status.edit(content=self._phrases.failure(language, "stopping", ""))
        except (*TROUBLE, StorageError) as error:
            log.info("discord direct message stays written down", error=type(error).__name__)
            return False
        return status is not None

    async def _forget(self, number: int) -> None:
        try:
            await self._studio.arrivals.remove(PLATFORM, number)
        except StorageError as error:  # what was done is found to be done after the next start
            log.warning("discord direct message stays written down", error=str(error))

    async def _language_of(self, person: Person) -> str:
        """The one they chose, or that of their last picture: a message does not say what their Discord is set to."""
        if person.language:
            return person.language
        latest = await self._studio.latest(person.id, 1)
        return latest[0].language if latest else DEFAULT

    def _hint_is_due(self, message: discord.Message) -> bool:
        if message.stickers or not (message.content or message.attachments or message.message_snapshots):
            return False
        now = self._clock()
        self._hinted = {who: when for who, when in self._hinted.items() if when > now - HINT_SECONDS}
        if message.author.id in self._hinted:
            return False
        self._hinted[message.author.id] = now
        return True


async def _reply(message: discord.Message, text: str) -> discord.Message:
    """The nonce makes Discord give back the first copy when the same message is answered once more."""
    return await message.channel.send(
        text,
        nonce=message.id,
        reference=message.to_reference(fail_if_not_exists=False),
        allowed_mentions=NO_MENTIONS,
    )


async def _answer_to(channel: discord.PartialMessageable, number: int, bot: discord.Client) -> discord.Message | None:
    """What the bot said to a message, if it did."""
    async for message in channel.history(after=discord.Object(number), limit=LOOKED_THROUGH):
        reference = message.reference
        if bot.user == message.author and reference is not None and reference.message_id == number:
            return message
    return None
