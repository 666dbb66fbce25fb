"""Methods that send: messages, photos, files, stickers, albums, chat actions."""

from collections.abc import Awaitable, Callable
from typing import Any

from .errors import ApiError, bad_request
from .files import MAX_UPLOAD
from .markup import keyboard
from .parameters import Parameters, Upload
from .text import checked, checked_caption
from .world import ChatState, Message, World

_COPIED = ("text", "entities", "caption", "caption_entities", "photo", "document", "sticker")
Method = Callable[[World, Parameters], Awaitable[Any]]
_ACTIONS = {
    "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "upload_document",
    "choose_sticker", "find_location", "record_video_note", "upload_video_note",
}  # fmt: skip


async def send_message(world: World, parameters: Parameters) -> dict[str, Any]:
    chat = target(world, parameters, "text message")
    text, found = checked(parameters.text("text"), parameters.text("parse_mode"))
    content: dict[str, Any] = {"text": text} | ({"entities": found} if found else {})
    return _post(world, chat, parameters, content).body


async def send_photo(world: World, parameters: Parameters) -> dict[str, Any]:
    return await _send_media(world, parameters, "photo")


async def send_document(world: World, parameters: Parameters) -> dict[str, Any]:
    return await _send_media(world, parameters, "document")


async def send_sticker(world: World, parameters: Parameters) -> dict[str, Any]:
    return await _send_media(world, parameters, "sticker")


async def send_media_group(world: World, parameters: Parameters) -> list[dict[str, Any]]:
    """An album of 2 to 10. It takes no keyboard; the real server drops one in silence, this one says so."""
    chat = target(world, parameters)
    items = parameters.structure("media")
    if "reply_markup" in parameters:
        raise bad_request("albums take no reply_markup")
    if not isinstance(items, list) or not 2 <= len(items) <= 10:
        raise bad_request("an album must include 2-10 items")
    kinds = {item.get("type") for item in items}
    if not kinds <= {"photo", "document"}:
        raise bad_request(f"can't parse InputMedia: type {sorted(map(str, kinds))} is not supported")
    if len(kinds) > 1:
        raise bad_request("document can't be mixed with other media types")
    _check_allowed(chat, str(kinds.pop()))
    contents = [media_content(world, item, parameters) for item in items]
    album = str(next(world.album_ids))
    return [
        _post(world, chat, parameters, content | {"media_group_id": album}, uploads).body
        for content, uploads in contents
    ]


async def copy_message(world: World, parameters: Parameters) -> dict[str, Any]:
    """Somebody's message as the bot's own, without a word of where it is from."""
    chat = target(world, parameters)
    origin = world.chat(parameters.required_number("from_chat_id"))
    copied = world.find(origin, parameters.number("message_id"), "message to copy not found")
    content = {name: copied.body[name] for name in _COPIED if name in copied.body}
    return {"message_id": _post(world, chat, parameters, content).id}


async def send_chat_action(world: World, parameters: Parameters) -> bool:
    chat = target(world, parameters)
    action = parameters.text("action") or ""
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat.actions.append(action)
    world.touch()
    return True


def target(world: World, parameters: Parameters, kind: str | None = None) -> ChatState:
    """The chat to send to, and its topic, if it takes this kind of message."""
    if not parameters.text("chat_id"):
        raise bad_request("chat_id is empty")
    chat = world.chat(parameters.required_number("chat_id"), to_send=True)
    thread = parameters.number("message_thread_id")
    if thread and thread not in chat.threads:
        raise bad_request("message thread not found")
    if kind is not None:
        _check_allowed(chat, kind)
    return chat


def _check_allowed(chat: ChatState, kind: str) -> None:
    if f"{kind}s" in chat.forbids:
        raise bad_request(f"not enough rights to send {kind}s to the chat")


def media_content(world: World, item: dict[str, Any], parameters: Parameters) -> tuple[dict[str, Any], list[bytes]]:
    """What an `InputMedia` makes of a message, and the bytes that the bot uploaded for it.

    Raises:
        ApiError: caption too long, no such file, a picture that Telegram would not take.
    """
    kind, media = item.get("type"), item.get("media")
    caption, found = checked_caption(item.get("caption"), item.get("parse_mode"))
    content: dict[str, Any] = {"caption": caption} if caption else {}
    content |= {"caption_entities": found} if found else {}
    content |= {"has_media_spoiler": True} if item.get("has_spoiler") else {}
    upload = parameters.upload(media)
    if upload is None and str(media).startswith("attach://"):
        raise bad_request("wrong remote file identifier specified: Wrong string length")
    if upload is None:
        return content | _known(world, str(kind), str(media)), []
    if not upload.data:
        raise bad_request("file must be non-empty")
    if len(upload.data) > MAX_UPLOAD:
        raise ApiError(413, "Request Entity Too Large")
    return content | _uploaded(world, str(kind), upload), [upload.data]


def _uploaded(world: World, kind: str, upload: Upload) -> dict[str, Any]:
    if kind == "photo":
        return {"photo": world.files.add_photo(upload.data)}
    if kind == "sticker":
        file, (width, height) = world.files.add_sticker(upload.data)
        sticker = file.to_json(type="regular", is_animated=False, is_video=False)
        return {"sticker": sticker | {"width": width, "height": height}}
    file = world.files.add(upload.data, "documents", "")
    return {"document": file.to_json(file_name=upload.filename)}


def _known(world: World, kind: str, file_id: str) -> dict[str, Any]:
    """Sent again by its id."""
    for chat in world.chats.values():
        for message in chat.messages.values():
            value = message.body.get(kind)
            found = value if isinstance(value, list) else [value] if value else []
            if any(item["file_id"] == file_id for item in found):
                return {kind: value}
    raise bad_request("wrong file identifier/HTTP URL specified")


async def _send_media(world: World, parameters: Parameters, kind: str) -> dict[str, Any]:
    chat = target(world, parameters, kind)
    media = f"attach://{kind}" if kind in parameters.files else parameters.text(kind)
    if media is None:
        raise bad_request(f"there is no {kind} in the request")
    item = {"type": kind, "media": media, "has_spoiler": parameters.flag("has_spoiler")}
    item |= {name: parameters.text(name) for name in ("caption", "parse_mode")}
    content, uploads = media_content(world, item, parameters)
    return _post(world, chat, parameters, content, uploads).body


def _post(
    world: World, chat: ChatState, parameters: Parameters, content: dict[str, Any], uploads: list[bytes] | None = None
) -> Message:
    if markup := keyboard(parameters):
        content["reply_markup"] = markup
    if thread := parameters.number("message_thread_id"):
        content |= {"message_thread_id": thread, "is_topic_message": True}
    reply = parameters.structure("reply_parameters") or {}
    if reply_to := reply.get("message_id") or parameters.number("reply_to_message_id"):
        replied = chat.messages.get(int(reply_to))
        if replied is not None and not replied.deleted:
            content["reply_to_message"] = replied.quoted()
        elif not (reply.get("allow_sending_without_reply") or parameters.flag("allow_sending_without_reply")):
            raise bad_request("message to be replied not found")
    message = world.post(chat, world.bot, content)
    message.uploads.extend(uploads or [])
    return message


METHODS: dict[str, Method] = {
    "sendMessage": send_message,
    "sendPhoto": send_photo,
    "sendDocument": send_document,
    "sendSticker": send_sticker,
    "sendMediaGroup": send_media_group,
    "copyMessage": copy_message,
    "sendChatAction": send_chat_action,
}
