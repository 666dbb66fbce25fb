"""The studio's way out to Telegram: where a job stands, its pictures, or why there are none."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import structlog
from telegram import InlineKeyboardMarkup
from telegram.error import BadRequest, TelegramError
from telegram.ext import ExtBot

from bots.allowance import Allowances
from bots.requests import Delivery, Progress, Stage, Undeliverable
from bots.side_by_side import side_by_side
from bots.telegram.buttons import Buttons
from bots.telegram.pace import Pace
from bots.telegram.reply import ReplyTo
from bots.telegram.results import Results, Sent
from bots.telegram.sending import NotAllowed, send
from bots.telegram.speech import Speech
from bots.telegram.status import Status
from bots.variants import WITHOUT_FACE
from storage import Job, StorageError

log = structlog.get_logger(__name__)

GRACE = 3.0  # seconds for calls under way when the service stops
ANSWERED_KEPT = 4_096  # jobs known to be answered, whose late progress is not shown


class TelegramDoor:
    """See `bots.requests.Door`.

    Args:
        remember: `Studio.remember`.
        allowances: knows what people may still send.

    Attributes:
        results: sends pictures.
    """

    platform = "telegram"

    def __init__(
        self,
        bot: ExtBot[Any],
        speech: Speech,
        buttons: Buttons,
        remember: Callable[[str, str], Awaitable[None]],
        allowances: Allowances,
    ) -> None:
        self.results = Results(bot)
        self._bot = bot
        self._speech = speech
        self._buttons = buttons
        self._remember = remember
        self._allowances = allowances
        self._statuses: dict[str, Status] = {}
        self._pace = Pace()
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._sending: dict[str, Sent] = {}  # by job, what this process has begun to send

    async def progress(self, job: Job, progress: Progress) -> None:
        # One that is not to be shown must not count for the pace of the others either.
        if job.id not in self._answered and not ReplyTo.from_json(job.reply).quiet:
            self._status(job).show(self._speech.progress(job.language, progress), busy=progress.stage is Stage.PAINTING)

    async def deliver(self, job: Job, delivery: Delivery) -> None:
        """Take the status message away, note that sending begins, send; the next try goes on where one has failed.

        Telegram has no way to send something once however often one asks. So what was begun before a crash, and may
        have arrived or not, is not begun again: words say so, with a button to have it.
        """
        with self._keeping(job):
            status = await self._last_words(job)
            await status.close()
            to = status.to
            if to.sending and job.id not in self._sending:
                log.warning("perhaps sent before a crash", job=job.id)
                if not to.quiet:
                    text = self._speech.say(job.language, "telegram.perhaps_sent")
                    await self.say(to, text, self._buttons.again(job))
            elif len(to.shown or to.files) < len(delivery.pictures):
                sent = self._sending.setdefault(job.id, Sent(to.chat_id, [*to.shown], [*to.files]))
                await self._send(job, delivery, to, sent)

    async def explain(self, job: Job, code: str, reference: str) -> None:
        """The status message turns into the words: however often this is done, they are there once."""
        with self._keeping(job):
            status = await self._last_words(job)
            if status.to.quiet:
                return
            text = self._speech.failure(job.language, code, reference)
            buttons = self._buttons.whole(job) if code in WITHOUT_FACE else None
            if not await status.end_with(text, buttons):
                await self.say(status.to, text, buttons)

    async def dismiss(self, job: Job) -> None:
        status = await self._last_words(job)
        await status.close()
        self._forget(job)

    async def send_again(self, job: Job, delivery: Delivery, to: ReplyTo) -> None:
        """The pictures once more, because the person says that they did not arrive.

        Raises:
            Undeliverable: nobody is there any more.
        """
        await self._send(job, delivery, replace(to, shown=(), files=()), Sent(to.chat_id))
        self._forget(job)

    async def say(self, to: ReplyTo, text: str, buttons: InlineKeyboardMarkup | None = None) -> None:
        """Words, as a reply.

        Raises:
            Undeliverable: nobody is there any more.
        """
        await send(
            to,
            lambda place: self._bot.send_message(
                place.chat_id,
                text,
                message_thread_id=place.thread_id,
                reply_parameters=place.reply,
                reply_markup=buttons,
            ),
        )

    async def close(self) -> None:
        """Stop showing where jobs stand; their messages stay, and the next start goes on with them."""
        await asyncio.gather(*(status.stop(GRACE) for status in self._statuses.values()))
        self._statuses.clear()

    def _status(self, job: Job) -> Status:
        if job.id not in self._statuses:
            to = ReplyTo.from_json(job.reply)
            self._pace.join(job.id, to.chat_id)
            self._statuses[job.id] = Status(
                self._bot,
                to,
                self._buttons.cancel(job),
                lambda known: self._remember(job.id, known.to_json()),
                lambda: self._pace.seconds(to.chat_id),
            )
        return self._statuses[job.id]

    async def _last_words(self, job: Job) -> Status:
        """The status message, which from now on shows no more progress."""
        self._answered[job.id] = None
        if len(self._answered) > ANSWERED_KEPT:
            self._answered.popitem(last=False)
        status = self._status(job)
        self._pace.leave(job.id)
        await status.stop()
        return status

    @contextmanager
    def _keeping(self, job: Job) -> Iterator[None]:
        """Keep what is known of a job for the next try, if there will be one."""
        try:
            yield
        except Undeliverable:
            self._forget(job)
            raise
        self._forget(job)

    def _forget(self, job: Job) -> None:
        self._statuses.pop(job.id, None)
        self._sending.pop(job.id, None)

    async def _send(self, job: Job, delivery: Delivery, to: ReplyTo, sent: Sent) -> None:
        pictures = [picture.png for picture in delivery.pictures]
        if to.beside:
            pictures = await asyncio.to_thread(lambda: [side_by_side(picture) for picture in delivery.pictures])
        buttons = self._buttons.result(job, painted=len(pictures), found=delivery.found, beside=to.beside)
        await self._remember(job.id, replace(_with(to, sent), sending=True).to_json())
        try:
            few = None if to.quiet else await self._allowances.few(job.person)
            caption = self._speech.caption(job.language, delivery, job.reference, few)
            await self.results.photos(to, pictures, caption, buttons, sent)
        except (TelegramError, Undeliverable) as error:
            # Not arrived, or not all of it: a crash before the next try changes nothing.
            await self._remember(job.id, _with(to, sent).to_json())
            if not isinstance(error, BadRequest | NotAllowed):
                raise
            # Neither as photos nor as files, and it will be no other the next time.
            why = "telegram.no_pictures" if isinstance(error, NotAllowed) else "telegram.not_taken"
            if not to.quiet:
                await self.say(to, self._speech.say(job.language, why, reference=job.reference))
            raise Undeliverable(str(error)) from error
        to = _with(to, sent)
        to = replace(to, sending=not (to.shown or to.files))
        try:
            await self._remember(job.id, to.to_json())
        except StorageError as error:  # raised, it would have the pictures sent once more
            log.warning("pictures not noted", job=job.id, why=str(error))
        if to.shown:
            await self._put_under_album(to, self._speech.say(job.language, "telegram.album_buttons"), buttons)

    async def _put_under_album(self, to: ReplyTo, text: str, buttons: InlineKeyboardMarkup) -> None:
        """A small message for the buttons that an album itself can't have. The album is sent: failing costs no more."""
        try:
            await send(
                replace(to, message_id=to.shown[0]),
                lambda place: self._bot.send_message(
                    place.chat_id,
                    text,
                    message_thread_id=place.thread_id,
                    reply_parameters=place.reply,
                    reply_markup=buttons,
                    disable_notification=True,
                ),
            )
        except (TelegramError, Undeliverable) as error:
            log.warning("album without buttons", why=str(error))


def _with(to: ReplyTo, sent: Sent) -> ReplyTo:
    """With what was sent by now, in the chat where that is."""
    here = to if to.chat_id == sent.chat_id else to.moved(sent.chat_id)
    return replace(here, shown=tuple(sent.ids) if len(sent.ids) > 1 else (), files=tuple(sent.files))
