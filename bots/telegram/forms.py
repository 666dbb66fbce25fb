"""The same pictures in another form, or once more: what a press sends.

A chat takes few messages a minute, and a press costs nothing. So the same one does nothing more while it is under way,
one after another is carried out in each chat, and only so many wait there.
"""

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from telegram import CallbackQuery, Message

from bots.requests import Delivery, Picture, Undeliverable
from bots.side_by_side import side_by_side
from bots.sticker import sticker
from bots.telegram.asides import Asides
from bots.telegram.buttons import Action
from bots.telegram.door import TelegramDoor
from bots.telegram.intake import reply_to
from bots.telegram.reply import ReplyTo
from bots.telegram.sending import NotAllowed, remove
from bots.telegram.speech import Speech
from bots.telegram.spinner import Spinner
from bots.telegram.stickers import send_stickers
from storage import Job

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

MOST = 12  # that wait in one chat; a group takes 20 messages a minute


@dataclass(slots=True)
class _Chat:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    under_way: set[tuple[str, Action]] = field(default_factory=set)  # of which job, and what


@dataclass(frozen=True, slots=True)
class _Press:
    query_id: str
    spinner: Spinner
    message: Message
    job_id: str
    language: str
    action: Action


class Forms:
    """Deals with the presses of `buttons.FORMS`."""

    def __init__(self, studio: "Studio", door: TelegramDoor, asides: Asides, speech: Speech) -> None:
        self._begun: deque[str] = deque(maxlen=1_024)  # ids of presses
        self._chats: dict[int, _Chat] = {}
        self._studio = studio
        self._door = door
        self._asides = asides
        self._speech = speech

    async def pressed(self, query: CallbackQuery, message: Message, job: Job, language: str, action: Action) -> None:
        """Returns when all is sent, and answers the press then or after SPIN seconds: what goes wrong until then is
        told in that answer, and later as a reply.
        """
        if query.id in self._begun:  # the same update once more
            return
        self._begun.append(query.id)
        press = _Press(query.id, Spinner(query), message, job.id, language, action)
        if query.id in ReplyTo.from_json(job.reply).pressed:
            # Begun before a crash: what was sent by then must not come twice.
            await self._tell(press, self._speech.say(language, "telegram.press_again"))
            return
        chat = self._chats.setdefault(message.chat_id, _Chat())
        what = (job.id, action)
        if what in chat.under_way:
            await press.spinner.end()
            return
        if len(chat.under_way) >= MOST:
            log.info("press not carried out, too many wait", chat=message.chat_id)
            await press.spinner.end(self._speech.failure(language, "queue_full", ""), alert=True)
            return
        chat.under_way.add(what)
        try:
            await press.spinner.turn_during(self._in_turn(press, chat.turn))
            await press.spinner.end()
        finally:
            chat.under_way.discard(what)
            if not chat.under_way:
                self._chats.pop(message.chat_id, None)

    async def _in_turn(self, press: _Press, turn: asyncio.Lock) -> None:
        try:
            async with turn:
                await self._carry_out(press)
        except NotAllowed as error:
            log.info("form of the picture not allowed", why=str(error))
            await self._tell(press, self._speech.say(press.language, "telegram.not_allowed"))
        except Undeliverable as error:
            log.info("nobody to answer", why=str(error))
        except Exception:  # told here, for who knows whether the button still turns
            reference = secrets.token_hex(4)
            log.exception("form of the picture not sent", job=press.job_id, reference=reference)
            await self._tell(press, self._speech.failure(press.language, "unexpected", reference))

    async def _carry_out(self, press: _Press) -> None:
        job = await self._studio.job(press.job_id)  # as it is now
        pictures = await self._studio.pictures(job) if job is not None else ()
        if job is None or not pictures:
            await self._tell(press, self._speech.say(press.language, "press.result_gone"))
            return
        known = ReplyTo.from_json(job.reply).with_press(press.query_id)
        await self._studio.remember(job.id, known.to_json())
        await self._send(press.message, job, pictures, known, press.action)

    async def _send(
        self, message: Message, job: Job, pictures: tuple[Picture, ...], known: ReplyTo, action: Action
    ) -> None:
        to = reply_to(message)
        if action is Action.AGAIN:
            await self._door.send_again(job, Delivery(pictures, max(job.found, len(pictures)), job.missed), known)
            await remove(message.get_bot(), message.chat_id, message.message_id)
        elif action is Action.STICKER:
            stickers = await asyncio.to_thread(lambda: [sticker(picture) for picture in pictures])
            await send_stickers(message.get_bot(), to, stickers)
        elif action is Action.FILE:
            await self._door.results.files(to, [picture.png for picture in pictures])
        else:
            both = await asyncio.to_thread(lambda: [side_by_side(picture) for picture in pictures])
            await self._door.results.photos(to, both, None)

    async def _tell(self, press: _Press, words: str) -> None:
        """In the press's own answer, or if it has one or is too old for it, as a reply."""
        if not await press.spinner.end(words, alert=True):
            self._asides.answer(reply_to(press.message), words)
