"""/broadcast: the operator writes to everybody who has written to the bot.

Telegram sends a message once for every call, whether or not the bot still waits for its answer. So each receiver is
written down as "sending" before the call, and as what came of it afterwards: after a crash in between, that one is not
written to again. At most once, for one message too few annoys nobody, and one too many does.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from telegram import CallbackQuery, InlineKeyboardMarkup, Message, Update
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError
from telegram.ext import ExtBot

from bots.requests import Undeliverable
from bots.telegram.backoff import Backoff
from bots.telegram.buttons import Action, Buttons, Pressed
from bots.telegram.door import TelegramDoor
from bots.telegram.intake import chosen_language, language_of, person_of, reply_to
from bots.telegram.limiter import Urgency
from bots.telegram.personal import Context
from bots.telegram.sending import gone
from bots.telegram.speech import Speech
from storage.broadcasts import Broadcast, Receipt, Stage

if TYPE_CHECKING:
    from bots.studio import Studio

log = structlog.get_logger(__name__)

PLATFORM = "telegram"
TELL_EVERY = 5.0  # seconds between two edits of the message that says how far it is


class Broadcaster:
    """Asks before it sends, sends what the limiter lets through in the background, and says what came of it.

    Args:
        clock: unix seconds.
    """

    def __init__(
        self,
        studio: "Studio",
        bot: ExtBot[Any],
        door: TelegramDoor,
        buttons: Buttons,
        speech: Speech,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._studio = studio
        self._bot = bot
        self._door = door
        self._buttons = buttons
        self._speech = speech
        self._clock = clock
        self._running: dict[str, asyncio.Task[None]] = {}

    async def command(self, update: Update, context: Context) -> None:
        """/broadcast, with the text behind it or as a reply to what is to go out."""
        if (message := update.message) is None:
            return
        author = person_of(message)
        language = await chosen_language(self._studio.people, author, language_of(message))
        content = _content(message)
        count = await self._studio.broadcasts.count(PLATFORM, author)
        if content is None or not count:
            await self._say(
                message, self._speech.say(language, f"telegram.broadcast.{'nobody' if content else 'usage'}")
            )
            return
        broadcast = secrets.token_hex(8)
        await self._studio.broadcasts.add(broadcast, author, json.dumps(content), self._clock())
        text = self._speech.say(language, "telegram.broadcast.confirm", people=count)
        await self._say(message, text, self._buttons.confirm(language, broadcast))

    async def pressed(self, query: CallbackQuery, message: Message, meant: Pressed, language: str) -> str | None:
        """Do what a button of the author stands for; returns what the answer to the press says."""
        broadcasts = self._studio.broadcasts
        broadcast = await broadcasts.get(meant.argument)
        if broadcast is None or broadcast.author != f"{PLATFORM}:{query.from_user.id}":
            return self._speech.say(language, "press.gone")
        if meant.action is Action.SEND:
            note = {"chat": message.chat_id, "message": message.message_id, "language": language}
            if await broadcasts.start(broadcast.id, PLATFORM, broadcast.author, json.dumps(note)):
                log.info("broadcast begins", broadcast=broadcast.id, by=broadcast.author)
                await self.resume()
        elif meant.action is Action.STOP:
            if await broadcasts.stop(broadcast.id) and broadcast.id not in self._running:
                await self._report(broadcast)
        elif await broadcasts.drop(broadcast.id):
            dropped = self._speech.say(language, "telegram.broadcast.dropped")
            await self._show(message.chat_id, message.message_id, dropped)
        return None

    async def resume(self) -> None:
        """Go on with whatever has begun and is not reported yet."""
        for broadcast in await self._studio.broadcasts.begun():
            if broadcast.id not in self._running:
                task = asyncio.create_task(self._run(broadcast), name=f"broadcast {broadcast.id}")
                self._running[broadcast.id] = task
                task.add_done_callback(lambda ended, name=broadcast.id: self._ended(name, ended))  # type: ignore[misc]

    async def close(self) -> None:
        """Leave off; the next start goes on."""
        tasks = [*self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, broadcast: str, task: asyncio.Task[None]) -> None:
        del self._running[broadcast]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("broadcast failed; it goes on after the next start", broadcast=broadcast, exc_info=error)

    async def _run(self, broadcast: Broadcast) -> None:
        await self._studio.broadcasts.interrupted(broadcast.id)
        content = json.loads(broadcast.content)
        loop = asyncio.get_running_loop()
        tell_at = 0.0
        while (person := await self._studio.broadcasts.take(broadcast.id)) is not None:
            if loop.time() >= tell_at:
                tell_at = loop.time() + TELL_EVERY
                await self._tell_progress(broadcast)
            receipt = await self._send(person, content)
            await self._studio.broadcasts.settle(broadcast.id, person, receipt)
            if receipt is Receipt.BLOCKED:
                await self._studio.broadcasts.left(person)
        await self._report(broadcast)

    async def _send(self, person: str, content: dict[str, Any]) -> Receipt:
        chat_id = int(person.partition(":")[2])
        try:
            if "text" in content:
                await self._bot.send_message(chat_id, content["text"], rate_limit_args=Urgency.BACKGROUND)
            else:
                await self._bot.copy_message(
                    chat_id, content["chat"], content["message"], rate_limit_args=Urgency.BACKGROUND
                )
        except Forbidden:
            return Receipt.BLOCKED
        except BadRequest as error:
            if gone(error):
                return Receipt.BLOCKED
            log.warning("broadcast not taken", why=str(error))
            return Receipt.FAILED
        except RetryAfter:  # again and again
            return Receipt.FAILED
        except NetworkError as error:
            log.warning("no answer to a message of a broadcast", why=str(error))
            await self._answers_again()
            return Receipt.UNSURE
        return Receipt.SENT

    async def _answers_again(self) -> None:
        """Wait until Telegram can be reached: an outage is to cost one receiver, and not all of them."""
        backoff = Backoff()
        while True:
            await backoff.wait()
            try:
                await self._bot.get_me()
                return
            except TelegramError as error:
                log.info("broadcast waits for Telegram", why=str(error))

    async def _tell_progress(self, broadcast: Broadcast) -> None:
        note = json.loads(broadcast.note)
        tally = await self._studio.broadcasts.tally(broadcast.id)
        total = sum(tally.values())
        done = total - tally[Receipt.WAITING] - tally[Receipt.SENDING]
        text = self._speech.say(note["language"], "telegram.broadcast.running", done=done, total=total)
        await self._show(note["chat"], note["message"], text, self._buttons.stop(note["language"], broadcast.id))

    async def _report(self, broadcast: Broadcast) -> None:
        """Say what came of it, then forget who got it: shown first, so that a crash in between only shows it again."""
        broadcasts = self._studio.broadcasts
        now = await broadcasts.get(broadcast.id)
        tally = await broadcasts.tally(broadcast.id)
        stopped = now is not None and now.stage is Stage.STOPPED
        counts = {receipt.value: count for receipt, count in tally.items()}
        log.info("broadcast ended", broadcast=broadcast.id, stopped=stopped, **counts)
        note = json.loads((now or broadcast).note)
        text = self._speech.say(
            note["language"],
            "telegram.broadcast.stopped" if stopped else "telegram.broadcast.finished",
            left=counts["waiting"],
            **counts,
        )
        await self._show(note["chat"], note["message"], text)
        await broadcasts.remove(broadcast.id)

    async def _show(
        self, chat_id: int, message_id: int, text: str, buttons: InlineKeyboardMarkup | None = None
    ) -> None:
        try:
            await self._bot.edit_message_text(text, chat_id, message_id, reply_markup=buttons)
        except TelegramError as error:
            log.info("message not edited", why=str(error))

    async def _say(self, message: Message, text: str, buttons: InlineKeyboardMarkup | None = None) -> None:
        try:
            await self._door.say(reply_to(message), text, buttons)
        except Undeliverable as error:
            log.info("nobody to answer", why=str(error))


def _content(message: Message) -> dict[str, Any] | None:
    """What is to go out: the text behind the command, or the message replied to, as it is."""
    _, *text = (message.text or "").split(maxsplit=1)
    if text:
        return {"text": text[0]}
    replied = message.reply_to_message
    return {"chat": replied.chat_id, "message": replied.message_id} if replied is not None else None
