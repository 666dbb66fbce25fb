"""What the bot says to a message that is no picture it can open."""

from telegram import Message, MessageEntity


def hint_for(message: Message) -> str:
    """Key of the words, by the kind of the message."""
    document = message.document
    kind = (document.mime_type or "") if document else ""
    if message.animation or kind == "image/gif":
        return "telegram.gif"
    if message.video or message.video_note or kind.startswith("video/"):
        return "telegram.video"
    if message.sticker:
        return "telegram.sticker"
    if message.voice or message.audio or kind.startswith("audio/"):
        return "telegram.voice"
    if document:
        return "telegram.document"
    if message.parse_entities([MessageEntity.URL, MessageEntity.TEXT_LINK]) if message.text else False:
        return "telegram.link"
    return "send_photo"
