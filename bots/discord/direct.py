"""Photos that somebody sends to the bot in a direct message: no command, and so no interaction, comes with them."""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog

from bots.discord.commands import photos_of
from bots.discord.intake import NO_MENTIONS, Intake, Offered
from bots.discord.phrases import Phrases, new_reference
from bots.discord.reply import ReplyTo
from bots.requests import Refused
from bots.words import DEFAULT
from storage import Person, Source

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

HINT_SECONDS = 60.0
"""A person is told how this works once in so many seconds, however much they write."""


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

    async def received(self, message: discord.Message) -> None:
        """Paint the photos, or say what to send. What is no direct message of a person is none of our business."""
        if message.author.bot or message.is_system() or not isinstance(message.channel, discord.DMChannel):
            return
        photos = photos_of(message)
        if not photos and not self._hint_is_due(message):
            return
        language, told = DEFAULT, None
        try:
            person = await self._studio.people.get(f"discord:{message.author.id}")
            language = await self._language_of(person)
            told = await _reply(message, self._phrases.say(language, "discord.one_moment" if photos else "start"))
            if photos:
                await self._paint(message, photos, person, language, told)
        except (discord.Forbidden, discord.NotFound) as error:
            log.info("discord direct message closed", code=error.code)
        except Exception as error:
            reference = new_reference()
            log.error("discord direct message failed", reference=reference, exc_info=error)
            text = self._phrases.failure(language, "unexpected", reference)
            with contextlib.suppress(discord.DiscordException, aiohttp.ClientError, OSError):
                await (_reply(message, text) if told is None else told.edit(content=text))

    async def _paint(
        self,
        message: discord.Message,
        photos: Sequence[Offered],
        person: Person,
        language: str,
        status: discord.Message,
    ) -> None:
        reply = ReplyTo(
            application_id=0,
            token="",
            message_id=status.id,
            channel_id=message.channel.id,
            user_id=message.author.id,
            ephemeral=False,
            expires_at=0.0,
            filesize_limit=discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES,
            spoiler=any(photo.spoiler for photo in photos),
        )
        source = Source("discord", str(message.channel.id), str(message.id), photos[0].key)
        try:
            job = await self._intake.accept(source, person, language, photos, reply)
        except Refused as refused:
            await status.edit(content=self._intake.why_not(person, language, refused), allowed_mentions=NO_MENTIONS)
            return
        if ReplyTo.from_json(job.reply).message_id != status.id:  # the gateway repeated it: there is an answer already
            await status.delete()

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
