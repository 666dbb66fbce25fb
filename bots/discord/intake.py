"""From photos that somebody sends to a job that the studio has taken in, or words that say why not."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import discord
import structlog
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential

from bots.discord.network import ForeignHost
from bots.discord.phrases import Phrases, new_reference
from bots.discord.reply import TOKEN_SECONDS, ReplyTo
from bots.preferences import Preferences
from bots.requests import PhotoRequest, Refused
from config import Settings
from inference.options import Options
from storage import Job, People, Person, Source

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

T = TypeVar("T")

READABLE = frozenset(
    {"image/jpeg", "image/jpg", "image/png", "image/webp", "image/heic", "image/heif", "application/octet-stream"}
)
"""Types that are worth a download. What the bytes are is decided by their content, later."""
AVATAR_SIDE = 1024
"""Pixels of a profile picture that are asked for; few are larger."""
FETCH_ATTEMPTS, FETCH_SECONDS = 4, 60.0
"""How often, and for how long, Discord is asked for the bytes of one picture."""
FETCH_PAUSE = 0.5
"""Seconds that the pause after the first attempt is at most; it doubles from then on."""
PATIENCE = 0.5
"""Seconds that an interaction waits, unacknowledged, for one answer of the database; it has 3 for all of them."""
INSTEAD = "instead"
"""Among an interaction's `extras`: the message that stands for "… is thinking"."""
NO_MENTIONS = discord.AllowedMentions.none()


@dataclass(frozen=True, slots=True)
class Offered:
    """A photo that Discord has and can hand out.

    Args:
        key: Discord's name of it.
        size: bytes, where Discord says so; `kind`: its type, likewise.
        spoiler: it is covered where it was posted, and so is what is painted of it.
    """

    key: str
    read: Callable[[], Awaitable[bytes]]
    size: int | None = None
    kind: str = ""
    spoiler: bool = False

    @classmethod
    def attached(cls, attachment: discord.Attachment) -> "Offered":
        kind = (attachment.content_type or "").split(";")[0].strip().lower()
        return cls(str(attachment.id), attachment.read, attachment.size, kind, attachment.is_spoiler())

    @classmethod
    def avatar(cls, user: discord.User | discord.Member) -> "Offered":
        """The profile picture that is shown where the command was given; the first frame of one that moves."""
        asset = user.display_avatar.replace(size=AVATAR_SIDE, format="png")
        return cls(f"avatar {asset.key}", asset.read)


def as_they_like_it(preferences: Preferences) -> Options:
    return preferences.options


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
        self,
        interaction: discord.Interaction,
        photos: Sequence[Offered],
        choose: Callable[[Preferences], Options] = as_they_like_it,
        *,
        private: bool = False,
        spoiler: bool = False,
    ) -> None:
        """Acknowledge, copy the bytes, hand them over as one job. A mistake of the person is answered in words.

        Args:
            choose: how to paint, as this person likes it.

        Raises: whatever is nobody's mistake; the command tree's error handler answers that.
        """
        spoiler = spoiler or any(photo.spoiler for photo in photos)
        # First of all: Discord gives 3 seconds, and a download, or a busy database, may take longer.
        reply = await acknowledge(interaction, self._clock, private=private, spoiler=spoiler)
        person = await self._studio.people.get(f"discord:{interaction.user.id}")
        language = person.language or str(interaction.locale)
        source = Source("discord", str(interaction.channel_id), str(interaction.id), photos[0].key)
        try:
            await self.accept(source, person, language, photos, reply, choose)
        except Refused as refused:
            await say(interaction, self.why_not(person, language, refused), private=private)

    async def accept(
        self,
        source: Source,
        person: Person,
        language: str,
        photos: Sequence[Offered],
        reply: ReplyTo,
        choose: Callable[[Preferences], Options] = as_they_like_it,
    ) -> Job:
        """Copy the bytes, hand them over as one job.

        Raises:
            Refused: see `why_not`.
        """
        preferences = Preferences.from_json(person.settings)
        request = PhotoRequest(
            source=source,
            person=person.id,
            language=language,
            options=choose(preferences),
            reply=replace(reply, beside=preferences.beside).to_json(),
            declared_size=photos[0].size if len(photos) == 1 else None,
        )
        return await self._studio.accept(request, *map(self._bytes_of, photos))

    def why_not(self, person: Person, language: str, refused: Refused) -> str:
        """What they read, with a reference that stands in the log too."""
        reference = new_reference()
        log.info("discord photo refused", code=refused.code, person=person.id, reference=reference)
        return self._phrases.refused(language, refused, reference)

    async def _bytes_of(self, photo: Offered) -> AsyncIterator[bytes]:
        """The photo in one piece, copied while its address is fresh; what Discord says of it is checked before."""
        if photo.size is not None and photo.size > self._limit:
            raise Refused("photo_too_large", f"declared {photo.size} bytes")
        if photo.kind and photo.kind not in READABLE:
            raise Refused("unsupported_format", f"declared to be {photo.kind}")
        try:
            data = await _fetched(photo)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.warning("discord picture not fetched", error=repr(error), picture=photo.key)
            raise Refused("not_fetched", f"Discord did not hand out {photo.key}") from error
        yield data


async def _fetched(photo: Offered) -> bytes:
    """The bytes; asked for again where the trouble may pass."""
    return await AsyncRetrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(FETCH_ATTEMPTS) | stop_after_delay(FETCH_SECONDS),
        wait=wait_random_exponential(multiplier=FETCH_PAUSE),
        reraise=True,
    )(photo.read)


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, discord.HTTPException):
        return error.status >= 500 or error.status == HTTPStatus.TOO_MANY_REQUESTS
    return isinstance(error, (aiohttp.ClientError, OSError)) and not isinstance(error, ForeignHost)


async def acknowledge(
    interaction: discord.Interaction,
    clock: Callable[[], float],
    *,
    private: bool,
    spoiler: bool,
    beside: bool = False,
    one_moment: str = "",
) -> ReplyTo:
    """Show "… is thinking", and say how the door answers in its place.

    Args:
        clock: unix seconds. By our own: one that differs from Discord's must not make a live token look dead.
        one_moment: shown instead where a press was acknowledged already, see `in_time`.
    """
    expires_at = clock() + TOKEN_SECONDS
    if interaction.response.is_done():
        shown = await interaction.followup.send(one_moment, ephemeral=private, wait=True)
        message_id = interaction.extras[INSTEAD] = shown.id
    else:
        acknowledged = await interaction.response.defer(thinking=True, ephemeral=private)
        deferred = acknowledged.message_id if acknowledged else None
        message_id = deferred or (await interaction.original_response()).id
    return ReplyTo(
        application_id=interaction.application_id,
        token=interaction.token,
        message_id=message_id,
        channel_id=interaction.channel_id or interaction.user.id,
        user_id=interaction.user.id,
        ephemeral=private,
        expires_at=expires_at,
        filesize_limit=interaction.filesize_limit,
        beside=beside,
        spoiler=spoiler,
    )


async def in_time(interaction: discord.Interaction, asked: Coroutine[Any, Any, T]) -> T:
    """What the database says; the interaction is acknowledged meanwhile when that takes long.

    A press is acknowledged in silence, as its message may become anything yet; a command for the person alone.
    """
    answer = asyncio.create_task(asked)
    done, _ = await asyncio.wait({answer}, timeout=PATIENCE)
    if not done and not interaction.response.is_done():
        await interaction.response.defer(ephemeral=True)
    return await answer


async def language_of(people: People, interaction: discord.Interaction) -> str:
    """The language that a person chose, or else the one that their Discord is set to."""
    person = await in_time(interaction, people.get(f"discord:{interaction.user.id}"))
    return person.language or str(interaction.locale)


async def say(
    interaction: discord.Interaction, text: str, *, private: bool, view: discord.ui.View = discord.utils.MISSING
) -> None:
    """Answer; after "… is thinking" in its place. An interaction that is over is left alone."""
    quiet: dict[str, Any] = {"allowed_mentions": NO_MENTIONS, "view": view}
    try:
        if not interaction.response.is_done():
            await interaction.response.send_message(text, ephemeral=private, **quiet)
        elif INSTEAD in interaction.extras:
            await interaction.followup.edit_message(interaction.extras[INSTEAD], content=text, **quiet)
        elif interaction.response.type is discord.InteractionResponseType.deferred_message_update:
            await interaction.followup.send(text, ephemeral=private, **quiet)  # the original is somebody's picture
        else:
            await interaction.edit_original_response(content=text, **quiet)
    except discord.HTTPException as error:
        log.warning("discord answer failed", status=error.status, code=error.code)
