"""Methods that change or remove messages."""

import json
from typing import Any

from .errors import bad_request
from .markup import keyboard
from .parameters import Parameters
from .sending import Method, media_content
from .text import checked, checked_caption
from .world import Message, World

_MEDIA = ("photo", "document", "sticker", "caption", "caption_entities", "has_media_spoiler")


async def edit_text(world: World, parameters: Parameters) -> dict[str, Any]:
    message = _own(world, parameters)
    if "text" not in message.body:
        raise bad_request("there is no text in the message to edit")
    text, found = checked(parameters.text("text"), parameters.text("parse_mode"))
    return _change(world, message, {"text": text, "entities": found or None}, parameters)


async def edit_caption(world: World, parameters: Parameters) -> dict[str, Any]:
    message = _own(world, parameters)
    if "text" in message.body or "sticker" in message.body:
        raise bad_request("there is no caption in the message to edit")
    caption, found = checked_caption(parameters.text("caption"), parameters.text("parse_mode"))
    return _change(world, message, {"caption": caption or None, "caption_entities": found or None}, parameters)


async def edit_media(world: World, parameters: Parameters) -> dict[str, Any]:
    message = _own(world, parameters)
    if "text" in message.body:
        raise bad_request("there is no media in the message to edit")
    item = parameters.structure("media")
    if not isinstance(item, dict) or item.get("type") not in {"photo", "document"}:
        raise bad_request("can't parse InputMedia: type of media is not supported")
    if message.album and item["type"] not in message.body:
        raise bad_request("message can't be edited: an album keeps its kind")
    content, uploads = media_content(world, item, parameters)
    body = _change(world, message, dict.fromkeys(_MEDIA) | content, parameters)
    message.uploads.extend(uploads)
    return body


async def edit_markup(world: World, parameters: Parameters) -> dict[str, Any]:
    return _change(world, _own(world, parameters), {}, parameters)


async def delete_message(world: World, parameters: Parameters) -> bool:
    chat = world.chat(parameters.required_number("chat_id"), to_send=True)
    message = world.find(chat, parameters.number("message_id"), "message to delete not found")
    administers = chat.members.get(world.bot.id) == "administrator"
    if not (message.by_bot or chat.type == "private" or administers):
        raise bad_request("message can't be deleted")
    message.deleted = True
    world.touch()
    return True


def _own(world: World, parameters: Parameters) -> Message:
    """The bot's own message that a call means."""
    chat = world.chat(parameters.required_number("chat_id"), to_send=True)
    message = world.find(chat, parameters.number("message_id"), "message to edit not found")
    if message.body.get("from", {}).get("id") != world.bot.id:
        raise bad_request("message can't be edited")
    return message


def _change(world: World, message: Message, content: dict[str, Any], parameters: Parameters) -> dict[str, Any]:
    """Apply new content; None removes a field, and a keyboard that is not sent again goes."""
    before = json.dumps(message.body, sort_keys=True)
    shown = message.text
    body = {name: value for name, value in (message.body | content).items() if value is not None}
    body.pop("reply_markup", None)
    if markup := keyboard(parameters):
        body["reply_markup"] = markup
    if json.dumps(body, sort_keys=True) == before:
        raise bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same "
            "as a current content and reply markup of the message"
        )
    message.body = body | {"edit_date": body["date"]}
    if message.text != shown:
        message.texts.append(message.text)
    world.touch()
    return message.body


METHODS: dict[str, Method] = {
    "editMessageText": edit_text,
    "editMessageCaption": edit_caption,
    "editMessageMedia": edit_media,
    "editMessageReplyMarkup": edit_markup,
    "deleteMessage": delete_message,
}
