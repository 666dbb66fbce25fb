"""From an interaction with an attachment to a photo that the studio has taken in, or words that say why not."""

import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog

from bots.discord.phrases import Phrases, new_reference
from bots.discord.reply import TOKEN_SECONDS, ReplyTo
from bots.requests import PhotoRequest, Refused
from config import Settings
from inference.options import Options
from storage import Source

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

READABLE = frozenset(
    {"image/jpeg", "image/jpg", "image/png", "image/webp", "image/heic", "image/heif", "application/octet-stream"}
)
"""Types that are worth a download. What the bytes are is decided by their content, later."""


class NotFetched(Exception):
    """Discord did not hand out the attachment's bytes."""


class Intake:
    """Takes photos in for the studio."""

    def __init__(
        self, settings: Settings, studio: "Studio", phrases: Phrases, clock: Callable[[], float] = time.time
    ) -> None:
        self._limit = settings.limits_photo_bytes
        self._studio = studio
        self._phrases = phrases
        self._clock = clock

    async def take(
        self, interaction: discord.Interaction, attachment: discord.Attachment, options: Options, *, private: bool
    ) -> None:
        """Acknowledge, copy the bytes, hand them over. A mistake of the person is answered in words.

        Raises: whatever is nobody's mistake; the command tree's error handler answers that.
        """
        # By our own clock: one that differs from Discord's must not make a live token look dead.
        expires_at = self._clock() + TOKEN_SECONDS
        # First of all: Discord gives 3 seconds, and a download may take longer.
        acknowledged = await interaction.response.defer(thinking=True, ephemeral=private)
        language = str(interaction.locale)
        code = self._refusal(attachment)
        if code is not None:
            await self._say(interaction, self._phrases.failure(language, code, new_reference()))
            return
        message_id = acknowledged.message_id if acknowledged else None
        request = PhotoRequest(
            source=Source("discord", str(interaction.channel_id), str(interaction.id), str(attachment.id)),
            person=f"discord:{interaction.user.id}",
            language=language,
            options=options,
            reply=ReplyTo(
                application_id=interaction.application_id,
                token=interaction.token,
                message_id=message_id or (await interaction.original_response()).id,
                channel_id=interaction.channel_id or interaction.user.id,
                user_id=interaction.user.id,
                ephemeral=private,
                expires_at=expires_at,
                filesize_limit=interaction.filesize_limit,
            ).to_json(),
            declared_size=attachment.size,
        )
        try:
            await self._studio.accept(request, _bytes_of(attachment))
        except Refused as refused:
            reference = new_reference()
            log.info("discord photo refused", code=refused.code, person=request.person, reference=reference)
            await self._say(interaction, self._phrases.refused(language, refused, reference))
        except NotFetched as error:
            log.warning("discord attachment not fetched", error=repr(error.__cause__), attachment=attachment.id)
            await self._say(interaction, self._phrases.say(language, "discord.not_fetched"))

    def _refusal(self, attachment: discord.Attachment) -> str | None:
        if attachment.size > self._limit:
            return "photo_too_large"
        kind = (attachment.content_type or "").split(";")[0].strip().lower()
        return None if not kind or kind in READABLE else "unsupported_format"

    async def _say(self, interaction: discord.Interaction, text: str) -> None:
        await interaction.edit_original_response(content=text, allowed_mentions=discord.AllowedMentions.none())


async def _bytes_of(attachment: discord.Attachment) -> AsyncIterator[bytes]:
    """The attachment in one piece, copied while its address is fresh; Discord's own size was checked before."""
    try:
        data = await attachment.read()
    except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise NotFetched(f"attachment {attachment.id}") from error
    yield data
