"""From a Telegram message to a `PhotoRequest`, and its bytes from the Bot API server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
import structlog
from telegram import Bot, ExternalReplyInfo, Message
from telegram.error import BadRequest, NetworkError, RetryAfter
from yarl import URL

from bots.preferences import Preferences
from bots.requests import PhotoRequest, Refused
from bots.telegram.reply import ReplyTo
from inference import Direction
from storage import People, Source

log = structlog.get_logger(__name__)

# Clients that do not know a format send it as application/octet-stream; what it is, its content tells later.
_IMAGE_NAMES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif")
ATTEMPTS = 3
PAUSE = 1.0  # seconds, doubled with every attempt


ALBUM = "album"  # where else a source has the number of a message; which of an album's came first is not known for sure


class DownloadFailed(Refused):
    """The Bot API server did not hand the photo out. The text names no address, for that holds the token."""

    def __init__(self, what: str) -> None:
        super().__init__("download_failed", what)


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture in a message. `unique_id` is the same for all who forward it, `file_id` is what is downloaded."""

    file_id: str
    unique_id: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, and the message that it is in."""

    message: Message
    photo: Photo


def photo_of(message: Message | ExternalReplyInfo | None) -> Photo | None:
    """The picture of a message: the largest size of a photo, or an image sent as a file."""
    if message is None:
        return None
    if message.photo:
        largest = message.photo[-1]
        return Photo(largest.file_id, largest.file_unique_id, largest.file_size)
    document = message.document
    if document is None or message.animation is not None:
        return None
    by_name = (document.file_name or "").lower().endswith(_IMAGE_NAMES)
    kind = document.mime_type or ""
    if by_name or (kind.startswith("image/") and kind != "image/gif"):
        return Photo(document.file_id, document.file_unique_id, document.file_size)
    return None


def replied_photo(message: Message) -> Shown | None:
    """The picture that a message replies to. One of another chat, or topic, is answered where it is asked for."""
    replied = message.reply_to_message
    if replied is not None and (photo := photo_of(replied)) is not None:
        return Shown(replied, photo)
    photo = photo_of(message.external_reply)
    return None if photo is None else Shown(message, photo)


def person_of(message: Message) -> str:
    """Who asks: a person, or the channel or group that an anonymous admin writes for."""
    if message.sender_chat is not None:
        return f"telegram:{message.sender_chat.id}"
    return f"telegram:{message.from_user.id if message.from_user else message.chat_id}"


def language_of(message: Message) -> str:
    return (message.from_user.language_code if message.from_user else None) or "en"


async def chosen_language(people: People, person: str, tag: str) -> str:
    """The language that a person chose, or else the one that Telegram says (`tag`)."""
    return (await people.get(person)).language or tag


def reply_to(message: Message) -> ReplyTo:
    return ReplyTo(message.chat_id, message.message_id, message.message_thread_id if message.is_topic_message else None)


def request_of(
    asked: Message,
    shown: Sequence[Shown],
    language: str,
    preferences: Preferences,
    direction: Direction | None,
    album: str | None = None,
) -> PhotoRequest:
    """What to ask of the studio.

    Args:
        asked: the message that asks.
        direction: None where nobody asked: then nothing is said but the picture.
        shown: the photos; the first one's message gets the reply, and often is the one that asks.
        album: `media_group_id`, when all that is known of an album is asked for at once.
    """
    first, chat = shown[0], str(asked.chat_id)
    where = reply_to(first.message)
    if album is None:
        source = Source("telegram", chat, str(asked.message_id), first.photo.unique_id)
    else:
        source = Source("telegram", chat, ALBUM, album)
        where = replace(where, items=tuple(one.message.message_id for one in shown))
    return PhotoRequest(
        source=source,
        person=person_of(asked),
        language=language,
        options=replace(preferences.options, direction=direction or Direction.ANIME),
        reply=replace(where, beside=preferences.beside, quiet=direction is None).to_json(),
        declared_size=first.photo.size if len(shown) == 1 else None,
        unasked=direction is None,
    )


class Downloads:
    """Photos from the Bot API server's files, and from nowhere else.

    Args:
        client: gives the session to download with, once it is open.
        file_url: what every file's address begins with, token included.
        limit: bytes; a larger photo is refused while it streams.
    """

    def __init__(self, bot: Bot, client: Callable[[], aiohttp.ClientSession], file_url: str, limit: int) -> None:
        self._bot = bot
        self._client = client
        self._file_url = file_url
        self._limit = limit

    async def chunks(self, photo: Photo) -> AsyncGenerator[bytes, None]:
        """The photo's bytes.

        Raises:
            Refused: larger than the Bot API hands out, or than the limit.
            DownloadFailed: no way to get it.
        """
        if photo.size is not None and photo.size > self._limit:
            raise Refused("photo_too_large", f"declared {photo.size} bytes")
        received = 0
        async with self._opened(photo) as response:
            try:
                async for chunk in response.content.iter_chunked(1 << 16):
                    received += len(chunk)
                    if received > self._limit:
                        raise Refused("photo_too_large", f"more than {self._limit} bytes came")
                    yield chunk
            except (aiohttp.ClientError, TimeoutError) as error:
                raise DownloadFailed(f"{type(error).__name__} after {received} bytes") from None

    @asynccontextmanager
    async def _opened(self, photo: Photo) -> AsyncIterator[aiohttp.ClientResponse]:
        address = URL(await self._address(photo), encoded=True)
        for attempt in range(ATTEMPTS):
            try:
                response = await self._client().get(address, allow_redirects=False)
            except (aiohttp.ClientError, TimeoutError) as error:
                why = type(error).__name__
            else:
                if response.status == 200:
                    break
                response.release()
                why = f"status {response.status}"
            if attempt == ATTEMPTS - 1:
                raise DownloadFailed(why)
            await asyncio.sleep(PAUSE * 2**attempt)
        try:
            yield response
        finally:
            response.close()

    async def _address(self, photo: Photo) -> str:
        for attempt in range(ATTEMPTS):
            try:
                address = (await self._bot.get_file(photo.file_id)).file_path or ""
                break
            except BadRequest as error:  # a NetworkError to the SDK, though it will not pass
                if "too big" in str(error).lower():
                    raise Refused("photo_too_large", "larger than the Bot API hands out") from None
                raise DownloadFailed(str(error)) from None
            except (NetworkError, RetryAfter) as error:
                if attempt == ATTEMPTS - 1:
                    raise DownloadFailed(type(error).__name__) from None
                await asyncio.sleep(PAUSE * 2**attempt)
        if not address.startswith(f"{self._file_url}/"):
            raise DownloadFailed("the file is not at TELEGRAM_FILE_URL (a Bot API server in --local mode?)")
        return address
