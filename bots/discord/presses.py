"""What happens when somebody presses a button under one of the bot's messages. Every press is answered."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import discord
import structlog

from bots.discord.buttons import OWNED, Action, Buttons
from bots.discord.door import DiscordDoor
from bots.discord.files import beside_files, emoji_files
from bots.discord.intake import NO_MENTIONS, acknowledge, in_time, language_of, say
from bots.discord.phrases import Phrases, new_reference
from bots.discord.reply import ReplyTo
from bots.requests import Refused
from bots.variants import Variant, changed
from inference import Options
from storage import Job, Source, State

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)


class Presses:
    """Deals with presses of `bots.discord.buttons.Press`."""

    def __init__(
        self, studio: "Studio", phrases: Phrases, door: DiscordDoor, clock: Callable[[], float] = time.time
    ) -> None:
        self._studio = studio
        self._phrases = phrases
        self._door = door
        self._buttons = Buttons(phrases)
        self._clock = clock
        self._noting = asyncio.Lock()

    async def pressed(self, interaction: discord.Interaction, action: str, argument: str) -> None:
        """Do what a button stands for. What nobody foresaw is answered with a reference that stands in the log too."""
        try:
            await self._do(interaction, action, argument)
        except Exception as error:
            reference = new_reference()
            log.error("discord press failed", reference=reference, action=action, exc_info=error)
            await say(
                interaction, self._phrases.failure(str(interaction.locale), "unexpected", reference), private=True
            )

    async def _do(self, interaction: discord.Interaction, action: str, argument: str) -> None:
        language = await language_of(self._studio.people, interaction)
        if action in {Action.FORGET, Action.KEEP}:
            await self._personal(interaction, language, forget=action == Action.FORGET)
            return
        if action in OWNED:
            await self._delete(interaction, Action(action), argument, language)
            return
        job = await in_time(interaction, self._studio.job(argument))
        if job is None or action not in [*Action, *Variant]:
            await self._tell(interaction, language, "press.gone")
        elif job.person != f"discord:{interaction.user.id}":
            await self._tell(interaction, language, "discord.not_yours")
        elif action == Action.CANCEL:
            await self._cancel(interaction, job, language)
        elif action in {Action.BESIDE, Action.EMOJI}:
            await self._send(interaction, job, language, Action(action))
        else:
            await self._repaint(interaction, job, language, Variant(action))

    async def _tell(self, interaction: discord.Interaction, language: str, key: str) -> None:
        await say(interaction, self._phrases.say(language, key), private=True)

    async def _personal(self, interaction: discord.Interaction, language: str, *, forget: bool) -> None:
        """The message with the question is seen by the person alone, so it is theirs."""
        if not forget:
            text = self._phrases.say(language, "personal.kept")
        else:
            await _defer(interaction)
            forgotten = await self._studio.forget(f"discord:{interaction.user.id}")
            # The language that they had chosen is forgotten as well, but it is still the one they read.
            text = self._phrases.say(
                language, "discord.forgotten", photos=forgotten.photos, pictures=forgotten.pictures
            )
        await _edit(interaction, text)

    async def _cancel(self, interaction: discord.Interaction, job: Job, language: str) -> None:
        if not await in_time(interaction, self._studio.cancel(job.id, job.person)):
            now = await in_time(interaction, self._studio.job(job.id))
            if now is None or now.state is not State.CANCELLED:  # by the same press, before a crash
                await self._tell(interaction, language, "press.too_late")
                return
        # By the press, whose token is fresh: that of the job may be dead.
        await _edit(interaction, self._phrases.say(language, "cancelled"))

    async def _delete(self, interaction: discord.Interaction, action: Action, argument: str, language: str) -> None:
        """Works as long as the message stands, which may be longer than the job."""
        job_id, _, user_id = argument.partition("_")
        job = await in_time(interaction, self._studio.job(job_id))
        owner = f"discord:{user_id}" if user_id else _asked(job, interaction.message)
        if owner is None:
            await self._tell(interaction, language, "press.gone")
            return
        if owner != f"discord:{interaction.user.id}":
            await self._tell(interaction, language, "discord.not_yours")
            return
        await _defer(interaction)
        if job is not None and action is Action.DELETE:
            await self._studio.discard(job.id, job.person)
        with contextlib.suppress(discord.NotFound):  # a moderator was faster
            # By the interaction: it works where the bot is no member, too.
            await interaction.delete_original_response()
        if action is Action.DELETE:
            gone = await self._take_copies_away(job_id)
        else:
            pressed = interaction.message.id if interaction.message else 0
            await self._note(job_id, lambda reply: reply.without_copy(pressed))
            gone = True
        told = self._phrases.say(language, "press.deleted" if gone else "discord.copies_stay")
        await interaction.followup.send(told, ephemeral=True)

    async def _take_copies_away(self, job_id: str) -> bool:
        """False: some stay, which then have only their own Delete."""
        job = await self._studio.job(job_id)  # as it is now that its pictures are wiped
        copies = ReplyTo.from_json(job.reply).copies if job is not None else ()
        return all([await self._door.take_away(copy) for copy in copies])

    async def _note(self, job_id: str, change: Callable[[ReplyTo], ReplyTo]) -> None:
        """Change what is noted with a job: one press after another, so that none overwrites what another noted."""
        async with self._noting:
            job = await self._studio.job(job_id)
            if job is not None:
                await self._studio.remember(job_id, change(ReplyTo.from_json(job.reply)).to_json())

    async def _send(self, interaction: discord.Interaction, job: Job, language: str, action: Action) -> None:
        """The same pictures in another form, as the answer to the press."""
        if not job.results:
            await self._tell(interaction, language, "press.result_gone")
            return
        earlier = ReplyTo.from_json(job.reply)
        copy = await self._acknowledge(interaction, earlier, language)
        # First: a Delete under the answer meanwhile either finds this message noted, or has wiped the pictures.
        await self._note(job.id, lambda reply: reply.with_copy(copy))
        pictures = await self._studio.pictures(job)
        if not pictures:  # wiped between the two
            await self._tell(interaction, language, "press.result_gone")
            return
        make = beside_files if action is Action.BESIDE else emoji_files
        files = await make(pictures, interaction.filesize_limit, spoiler=earlier.spoiler)
        view = self._buttons.away(job)
        with contextlib.suppress(discord.NotFound):  # deleted meanwhile
            await interaction.followup.edit_message(
                copy.message_id, content=None, attachments=files, view=view, allowed_mentions=NO_MENTIONS
            )

    async def _repaint(self, interaction: discord.Interaction, job: Job, language: str, variant: Variant) -> None:
        options = changed(Options.from_json(job.options), variant, job.found)
        if options is None:
            await self._tell(interaction, language, "press.gone")
            return
        reply = await self._acknowledge(interaction, ReplyTo.from_json(job.reply), language)
        source = Source("discord", str(interaction.channel_id), str(interaction.id), variant)
        try:
            await self._studio.repaint(job.id, job.person, options, source, reply=reply.to_json(), language=language)
        except Refused as refused:
            reference = new_reference()
            log.info("repaint refused", code=refused.code, why=str(refused), reference=reference)
            await say(interaction, self._phrases.refused(language, refused, reference), private=True)

    async def _acknowledge(self, interaction: discord.Interaction, earlier: ReplyTo, language: str) -> ReplyTo:
        """As the picture was sent whose button it is."""
        return await acknowledge(
            interaction,
            self._clock,
            private=earlier.ephemeral,
            beside=earlier.beside,
            spoiler=earlier.spoiler,
            one_moment=self._phrases.say(language, "discord.one_moment"),
        )


async def _defer(interaction: discord.Interaction) -> None:
    """Acknowledge, unless a busy database has made us do so."""
    if not interaction.response.is_done():
        await interaction.response.defer()


async def _edit(interaction: discord.Interaction, text: str) -> None:
    """The message whose button was pressed."""
    if interaction.response.is_done():
        await interaction.edit_original_response(content=text, view=None)
    else:
        await interaction.response.edit_message(content=text, view=None)


def _asked(job: Job | None, message: discord.Message | None) -> str | None:
    """Who asked for a picture whose button does not say so, as those of earlier versions; None: nobody knows."""
    if job is not None:
        return job.person
    asked = message.interaction_metadata if message is not None else None
    return None if asked is None else f"discord:{asked.user.id}"
