"""What the server remembers: the bot, people, chats, messages, and the updates that wait for the bot."""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .errors import bad_request, forbidden
from .files import Files
from .updates import Updates

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class User:
    id: int
    first_name: str
    username: str | None = None
    language_code: str | None = "en"
    is_bot: bool = False

    def to_json(self) -> dict[str, Any]:
        body = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        more = {"username": self.username, "language_code": None if self.is_bot else self.language_code}
        return body | {name: value for name, value in more.items() if value}


@dataclass(eq=False)
class Message:
    """One message as it stands now.

    Attributes:
        body: the Bot API's `Message` object.
        uploads: bytes that the bot uploaded for it, unchanged.
        texts: every text or caption it has shown, oldest first.
    """

    body: dict[str, Any]
    uploads: list[bytes] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    deleted: bool = False

    @property
    def id(self) -> int:
        return int(self.body["message_id"])

    @property
    def chat_id(self) -> int:
        return int(self.body["chat"]["id"])

    @property
    def by_bot(self) -> bool:
        # Who writes for a chat has a stand-in in "from", which for old programs is a bot.
        return bool(self.body.get("from", {}).get("is_bot")) and "sender_chat" not in self.body

    @property
    def text(self) -> str:
        """Text or caption."""
        return str(self.body.get("text") or self.body.get("caption") or "")

    @property
    def kind(self) -> str:
        kinds = ("text", "photo", "document", "sticker", "video", "animation", "voice")
        return next((kind for kind in kinds if kind in self.body), "other")

    @property
    def picture(self) -> bytes:
        """The bytes that the bot uploaded; empty for a message without any."""
        return self.uploads[-1] if self.uploads else b""

    @property
    def reply_to(self) -> int | None:
        replied = self.body.get("reply_to_message")
        return replied["message_id"] if replied else None

    @property
    def album(self) -> str | None:
        return self.body.get("media_group_id")

    @property
    def buttons(self) -> list[dict[str, Any]]:
        rows = self.body.get("reply_markup", {}).get("inline_keyboard", [])
        return [button for row in rows for button in row]

    def quoted(self) -> dict[str, Any]:
        """As it appears inside a reply: without what it replied to itself."""
        return {name: value for name, value in self.body.items() if name != "reply_to_message"}


@dataclass(eq=False)
class ChatState:
    """A private chat is open once the person has written; `blocked` and `can_send` are what others decide.

    Attributes:
        forbids: kinds of messages that may not be sent there, as Telegram calls them: "photos", "text messages".
    """

    id: int
    type: str
    title: str | None = None
    user: User | None = None
    members: dict[int, str] = field(default_factory=dict)
    people: dict[int, User] = field(default_factory=dict)
    threads: set[int] = field(default_factory=set)
    messages: dict[int, Message] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)
    opened: bool = False
    blocked: bool = False
    can_send: bool = True
    forbids: set[str] = field(default_factory=set)
    privacy: bool = True
    migrated_to: int | None = None

    def to_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"id": self.id, "type": self.type}
        if self.user:
            body["first_name"] = self.user.first_name
            return body | ({"username": self.user.username} if self.user.username else {})
        return body | {"title": self.title} | ({"is_forum": True} if self.threads else {})


class World:
    def __init__(self, token: str, username: str) -> None:
        self.token = token
        self.bot = User(int(token.split(":")[0]), "Selfie2Anime", username, is_bot=True)
        self.can_join_groups, self.reads_all, self.inline = True, False, True  # as set at @BotFather
        self.chats: dict[int, ChatState] = {}
        self.files = Files()
        self.updates = Updates(self.touch)
        self.queries: dict[str, dict[str, Any] | None] = {}  # callback and inline queries, with their answers
        self.profile: dict[str, Any] = {}  # commands and descriptions, by kind, scope and language
        self.album_ids = itertools.count(13_000_000_000_000_001)
        self._message_ids = itertools.count(1)
        self._group_ids: dict[int, itertools.count[int]] = {}
        self._query_ids = itertools.count(4_000_000_000_000_001)
        self._changed = asyncio.Event()

    # -- waiting

    def touch(self) -> None:
        """Something changed: everybody who waits looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, look: Callable[[], T | None], within: float, what: Callable[[], str]) -> T:
        """The first true value that `look` returns, asked again after every change."""
        try:
            async with asyncio.timeout(within):
                while not (found := look()):
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"{what()} did not happen within {within} s") from None

    # -- chats and messages

    def chat(self, chat_id: int, *, to_send: bool = False) -> ChatState:
        """A chat that the bot may address.

        Raises:
            ApiError: unknown chat, the person never wrote, blocked, kicked, or migrated to a supergroup.
        """
        chat = self.chats.get(chat_id)
        if chat is None or not chat.opened:
            raise bad_request("chat not found")
        if chat.migrated_to is not None:
            error = bad_request("group chat was upgraded to a supergroup chat")
            error.parameters["migrate_to_chat_id"] = chat.migrated_to
            raise error
        if to_send and chat.blocked:
            where = f"kicked from the {chat.type} chat" if chat.user is None else "blocked by the user"
            raise forbidden(f"bot was {where}")
        if to_send and not chat.can_send:
            raise bad_request("have no rights to send a message")
        return chat

    def next_message_id(self, chat: ChatState) -> int:
        """Supergroups count for themselves, all other chats of a bot share one counter, as in Telegram."""
        if chat.type == "supergroup":
            return next(self._group_ids.setdefault(chat.id, itertools.count(1)))
        return next(self._message_ids)

    def next_query_id(self) -> str:
        return str(next(self._query_ids))

    def post(self, chat: ChatState, sender: User, content: dict[str, Any]) -> Message:
        """Put a message into a chat."""
        body = {
            "message_id": self.next_message_id(chat),
            "from": sender.to_json(),
            "chat": chat.to_json(),
            "date": int(time.time()),
        }
        message = Message(body | content)
        message.texts.append(message.text)
        chat.messages[message.id] = message
        self.touch()
        return message

    def find(self, chat: ChatState, message_id: int | None, otherwise: str) -> Message:
        message = chat.messages.get(message_id or 0)
        if message is None or message.deleted:
            raise bad_request(otherwise)
        return message

    # -- updates

    def publish(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """Queue an update for the bot, by polling or webhook."""
        return self.updates.add(kind, body)

    def sees(self, chat: ChatState, message: Message) -> bool:
        """Whether privacy mode lets a group's message through: commands, mentions and replies to the bot."""
        if (
            chat.type == "private"
            or self.reads_all
            or not chat.privacy
            or chat.members.get(self.bot.id) == "administrator"
        ):
            return True
        replied = message.body.get("reply_to_message", {}).get("from", {})
        text = message.text.encode("utf-16-le")
        for entity in message.body.get("entities", []) + message.body.get("caption_entities", []):
            start = 2 * entity["offset"]
            word = text[start : start + 2 * entity["length"]].decode("utf-16-le")
            name = word.partition("@")[2].lower()
            if entity["type"] in {"bot_command", "mention"} and name in {"", str(self.bot.username).lower()}:
                return True
        return replied.get("id") == self.bot.id
