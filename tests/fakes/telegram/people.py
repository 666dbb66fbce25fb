"""The other side of the chat: what people do in their clients, and what they see there."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from .text import entities
from .world import ChatState, Message, User, World

Seen = Callable[[Message], object]


class Chat:
    """One chat, as the people in it use it. All times are seconds, `within` bounds every wait."""

    def __init__(self, world: World, state: ChatState, user: User) -> None:
        self._world = world
        self.state = state
        self.user = user

    @property
    def id(self) -> int:
        return self.state.id

    # -- sending

    async def send_text(self, text: str, **how: Any) -> Message:
        found = entities(text)
        return self._send({"text": text} | ({"entities": found} if found else {}), **how)

    async def send_photo(self, data: bytes, caption: str | None = None, **how: Any) -> Message:
        """As a compressed photo: the bot sees JPEG sizes up to 1,280 px."""
        return self._send({"photo": self._world.files.add_photo(data)} | _caption(caption), **how)

    async def send_document(
        self,
        data: bytes,
        filename: str = "photo.jpg",
        mime_type: str | None = "image/jpeg",
        caption: str | None = None,
        size: int | None = None,
        **how: Any,
    ) -> Message:
        """As a file, its bytes untouched. `size` announces another size, to send a large file without having one."""
        extension = "." + filename.rpartition(".")[2] if "." in filename else ""
        file = self._world.files.add(data, "documents", extension, size)
        document = file.to_json(file_name=filename) | ({"mime_type": mime_type} if mime_type else {})
        return self._send({"document": document} | _caption(caption), **how)

    async def send_media(self, kind: str, **how: Any) -> Message:
        """A `sticker`, `video`, `animation`, `voice`, `video_note` or `audio`, which no bot of ours opens."""
        file = self._world.files.add(kind.encode(), kind, "")
        body = file.to_json(**_MEDIA[kind])
        content: dict[str, Any] = {kind: body}
        if kind == "animation":  # Telegram adds the document for old clients
            content["document"] = file.to_json(mime_type="video/mp4")
        return self._send(content, **how)

    async def send_album(
        self, photos: Sequence[bytes], caption: str | None = None, *, captioned: int = 0, **how: Any
    ) -> list[Message]:
        """2 to 10 photos: separate messages and updates with one `media_group_id`, the caption on one of them."""
        if not 2 <= len(photos) <= 10:
            raise ValueError(f"an album has 2 to 10 photos, got {len(photos)}")
        album = self.new_album()
        return [
            await self.send_photo(data, caption if number == captioned else None, album=album, **how)
            for number, data in enumerate(photos)
        ]

    def new_album(self) -> str:
        """A `media_group_id`: what is sent with `album=` that belongs together, in one go or not."""
        return str(next(self._world.album_ids))

    def _send(
        self,
        content: dict[str, Any],
        *,
        reply_to: Message | None = None,
        elsewhere: Message | None = None,
        thread: int | None = None,
        forwarded_from: User | None = None,
        by: User | None = None,
        album: str | None = None,
        as_chat: "Chat | None" = None,
        from_channel: bool = False,
        via: User | None = None,
        unseen: bool = False,
    ) -> Message:
        """Put a message into the chat.

        Args:
            by: another member than the chat's first.
            elsewhere: a message of another chat that it replies to.
            album: see `new_album`.
            as_chat: an anonymous admin writes for the group itself, anybody for a channel of theirs.
            from_channel: `as_chat` is the group's channel, whose posts come here by themselves.
            via: the bot by whose inline mode it was made.
            unseen: the bot gets no update.
        """
        state, sender = self.state, by or self.user
        if state.type == "private" and state.blocked:
            raise ValueError("who blocked the bot cannot write to it; unblock() first")
        if reply_to is not None:
            content = content | {"reply_to_message": reply_to.quoted()}
        if elsewhere is not None:
            origin = {"type": "user", "date": 1_700_000_000, "sender_user": elsewhere.body["from"]}
            media = {kind: elsewhere.body[kind] for kind in ("photo", "document") if kind in elsewhere.body}
            content = content | {"external_reply": {"origin": origin} | media}
        if thread is not None:
            content = content | {"message_thread_id": thread, "is_topic_message": True}
        if forwarded_from is not None:
            origin = {"type": "user", "date": 1_700_000_000, "sender_user": forwarded_from.to_json()}
            content = content | {"forward_origin": origin}
        if album is not None:
            content = content | {"media_group_id": album}
        if via is not None:
            content = content | {"via_bot": via.to_json()}
        if as_chat is not None:
            content = content | {"sender_chat": as_chat.state.to_json()}
            sender = _TELEGRAM if from_channel else _ANONYMOUS if as_chat.id == self.id else _CHANNEL
            if from_channel:
                content = content | {"is_automatic_forward": True}
        state.opened = True
        message = self._world.post(state, sender, content)
        if not unseen and self._world.sees(state, message):
            self._world.publish("message", message.body)
        return message

    # -- other deeds

    async def press(self, message: Message, button: str, by: User | None = None) -> "Press":
        """Press the button with this text or callback data."""
        data = next(
            (b["callback_data"] for b in message.buttons if button in {b["text"], b.get("callback_data")}), None
        )
        if data is None:
            raise AssertionError(f"no button {button!r} under {message.text!r}, only {message.buttons}")
        query_id = self._world.next_query_id()
        self._world.queries[query_id] = None
        query = {"id": query_id, "from": (by or self.user).to_json(), "chat_instance": str(self.id), "data": data}
        self._world.publish("callback_query", query | {"message": message.body})
        return Press(self._world, query_id)

    async def inline(self, text: str, offset: str = "") -> "Press":
        """Type `@bot text` in some chat."""
        query_id = self._world.next_query_id()
        self._world.queries[query_id] = None
        query = {"id": query_id, "from": self.user.to_json(), "query": text, "offset": offset}
        self._world.publish("inline_query", query)
        return Press(self._world, query_id)

    async def delete(self, message: Message) -> None:
        """A person deletes a message; bots get no word of it."""
        message.deleted = True
        self._world.touch()

    async def edit(self, message: Message, text: str) -> None:
        """A person edits their text or caption."""
        field = "text" if "text" in message.body else "caption"
        message.body = message.body | {field: text, "edit_date": message.body["date"]}
        message.texts.append(text)
        self._world.publish("edited_message", message.body)

    async def block(self) -> None:
        """Block the bot, or remove it from the group."""
        self.state.blocked = True
        self._standing("member", "kicked")

    async def unblock(self) -> None:
        self.state.blocked = False
        self._standing("kicked", "member")

    def _standing(self, old: str, new: str) -> None:
        bot = self._world.bot.to_json()
        until = {"kicked": {"until_date": 0}}
        change = {
            "chat": self.state.to_json(),
            "from": self.user.to_json(),
            "date": 1_700_000_000,
            "old_chat_member": {"status": old, "user": bot} | until.get(old, {}),
            "new_chat_member": {"status": new, "user": bot} | until.get(new, {}),
        }
        self._world.publish("my_chat_member", change)

    def migrate(self) -> "Chat":
        """The group becomes a supergroup: a new chat with a new id; the old one says where it went."""
        old = self.state
        new = ChatState(-1_000_000_000_000 + old.id, "supergroup", old.title, opened=True)
        new.members, new.people, new.privacy = dict(old.members), dict(old.people), old.privacy
        old.migrated_to = new.id
        self._world.chats[new.id] = new
        for state, content in ((old, {"migrate_to_chat_id": new.id}), (new, {"migrate_from_chat_id": old.id})):
            self._world.publish("message", self._world.post(state, self.user, content).body)
        return Chat(self._world, new, self.user)

    # -- looking

    @property
    def messages(self) -> list[Message]:
        """All that is visible, oldest first."""
        return [message for message in self.state.messages.values() if not message.deleted]

    @property
    def answers(self) -> list[Message]:
        """What the bot has said and not deleted."""
        return [message for message in self.messages if message.by_bot]

    @property
    def history(self) -> list[Message]:
        """Everything the bot ever said here, deleted messages too."""
        return [message for message in self.state.messages.values() if message.by_bot]

    async def wait_for(self, predicate: Seen, within: float = 10) -> Message:
        """The first of the bot's visible messages for which the predicate holds, now or later."""
        return await self._world.until(
            lambda: next((m for m in self.answers if predicate(m)), None),
            within,
            lambda: f"a message in {self._told()}",
        )

    async def wait_answers(self, count: int, predicate: Seen = bool, within: float = 10) -> list[Message]:
        """At least `count` of the bot's visible messages for which the predicate holds."""

        def look() -> list[Message] | None:
            found = [m for m in self.answers if predicate(m)]
            return found if len(found) >= count else None

        return await self._world.until(look, within, lambda: f"{count} messages in {self._told()}")

    async def wait_photo(self, within: float = 10) -> Message:
        return await self.wait_for(lambda m: m.kind == "photo", within)

    async def wait_until(self, condition: Callable[[], object], within: float = 10) -> None:
        """Any condition, looked at after every change on the server."""
        await self._world.until(lambda: condition() or None, within, lambda: f"the condition in {self._told()}")

    def _told(self) -> str:
        return f"chat {self.id}, where the bot says {[(m.kind, m.text) for m in self.answers]},"


_TELEGRAM = User(777_000, "Telegram", language_code=None)
_ANONYMOUS = User(1_087_968_824, "Group", "GroupAnonymousBot", is_bot=True)
_CHANNEL = User(136_817_688, "Channel", "Channel_Bot", is_bot=True)


class Press:
    """A button press or inline query that waits for its answer."""

    def __init__(self, world: World, query_id: str) -> None:
        self._world = world
        self.id = query_id

    async def answer(self, within: float = 10) -> dict[str, Any]:
        """The parameters with which the bot answered; lists of results are read."""
        body = await self._world.until(
            lambda: self._world.queries.get(self.id), within, lambda: "an answer to the query"
        )
        results = body.get("results")
        return body | ({"results": json.loads(results)} if isinstance(results, str) else {})


def _caption(caption: str | None) -> dict[str, Any]:
    if not caption:
        return {}
    found = entities(caption)
    return {"caption": caption} | ({"caption_entities": found} if found else {})


_MEDIA: dict[str, dict[str, Any]] = {
    "sticker": {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False},
    "video": {"width": 640, "height": 360, "duration": 3},
    "animation": {"width": 320, "height": 240, "duration": 2},
    "voice": {"duration": 2},
    "video_note": {"length": 240, "duration": 2},
    "audio": {"duration": 2},
}
