"""The studio's way out to Telegram: where a job stands, its pictures, or why there are none."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import structlog
from telegram import Bot, InputMediaPhoto
from telegram.error import BadRequest

from bots.requests import Delivery, Progress, Stage
from bots.telegram.buttons import Buttons
from bots.telegram.reply import ReplyTo
from bots.telegram.sending import Place, send
from bots.telegram.speech import Speech
from bots.telegram.status import Status
from storage import Job

log = structlog.get_logger(__name__)

EDIT_EVERY = 2.0  # seconds between two edits of one message
GROUP_EDIT_EVERY = 10.0  # a group takes 20 calls a minute
EDITS_A_SECOND = 10.0  # of all jobs together, out of the 30 calls a second that a bot has
GRACE = 3.0  # seconds for calls under way when the service stops
ANSWERED_KEPT = 4_096  # jobs known to be answered, whose late progress is not shown


class TelegramDoor:
    """See `bots.requests.Door`.

    Args:
        remember: `Studio.remember`.
    """

    platform = "telegram"

    def __init__(
        self, bot: Bot, speech: Speech, buttons: Buttons, remember: Callable[[str, str], Awaitable[None]]
    ) -> None:
        self._bot = bot
        self._speech = speech
        self._buttons = buttons
        self._remember = remember
        self._statuses: dict[str, Status] = {}
        self._answered: OrderedDict[str, None] = OrderedDict()

    async def progress(self, job: Job, progress: Progress) -> None:
        if job.id not in self._answered:
            self._status(job).show(self._speech.progress(job.language, progress), busy=progress.stage is Stage.PAINTING)

    async def deliver(self, job: Job, delivery: Delivery) -> None:
        to = await self._end_status(job)
        caption = self._speech.caption(job.language, delivery)
        pictures = [picture.png for picture in delivery.pictures]
        if len(pictures) == 1:
            await send(to, lambda place: self._send_photo(place, pictures[0], caption))
            return
        # An album takes 2 to 10, and LIMITS_FACES ends at 10.
        album = [InputMediaPhoto(png, filename="anime.png") for png in pictures]
        await send(to, lambda place: self._send_album(place, album, caption))

    async def explain(self, job: Job, code: str, reference: str) -> None:
        to = await self._end_status(job)
        await self.say(to, self._speech.failure(job.language, code, reference))

    async def dismiss(self, job: Job) -> None:
        await self._end_status(job)

    async def say(self, to: ReplyTo, text: str) -> None:
        """Words, as a reply.

        Raises:
            Undeliverable: nobody is there any more.
        """
        await send(
            to,
            lambda place: self._bot.send_message(
                place.chat_id, text, message_thread_id=place.thread_id, reply_parameters=place.reply
            ),
        )

    async def close(self) -> None:
        """Stop showing where jobs stand; their messages stay, and the next start goes on with them."""
        await asyncio.gather(*(status.stop(GRACE) for status in self._statuses.values()))
        self._statuses.clear()

    def _status(self, job: Job) -> Status:
        if job.id not in self._statuses:
            to = ReplyTo.from_json(job.reply)
            least = GROUP_EDIT_EVERY if to.group else EDIT_EVERY
            self._statuses[job.id] = Status(
                self._bot,
                to,
                self._buttons.cancel(job),
                lambda known: self._remember(job.id, known.to_json()),
                lambda: max(least, len(self._statuses) / EDITS_A_SECOND),
            )
        return self._statuses[job.id]

    async def _end_status(self, job: Job) -> ReplyTo:
        """Take the status message away before the answer comes.

        In this order a crash leaves no orphan behind, and between the answer and the note that it was given lies
        nothing that takes time.
        """
        self._answered[job.id] = None
        if len(self._answered) > ANSWERED_KEPT:
            self._answered.popitem(last=False)
        status = self._status(job)
        await status.close()
        self._statuses.pop(job.id, None)
        return status.to

    async def _send_photo(self, place: Place, png: bytes, caption: str) -> None:
        try:
            await self._bot.send_photo(
                place.chat_id,
                png,
                caption=caption,
                filename="anime.png",
                message_thread_id=place.thread_id,
                reply_parameters=place.reply,
            )
        except BadRequest as error:
            if not any(words in str(error).lower() for words in ("image_process_failed", "invalid_dimensions")):
                raise
            log.warning("picture not taken as a photo, sent as a file", why=str(error))
            await self._bot.send_document(
                place.chat_id,
                png,
                caption=caption,
                filename="anime.png",
                message_thread_id=place.thread_id,
                reply_parameters=place.reply,
            )

    async def _send_album(self, place: Place, album: list[InputMediaPhoto], caption: str) -> None:
        await self._bot.send_media_group(
            place.chat_id,
            album,
            caption=caption,
            message_thread_id=place.thread_id,
            reply_parameters=place.reply,
        )
