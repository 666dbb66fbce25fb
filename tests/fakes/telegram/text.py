"""Texts as the Bot API reads them: entities, HTML, limits."""

import re
from html.parser import HTMLParser
from typing import Any

from .errors import bad_request

MAX_TEXT = 4096
MAX_CAPTION = 1024
_ENTITY = re.compile(
    r"(?P<url>https?://[^\s<>\"]+)"
    r"|(?<![\w/@])(?P<bot_command>/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?)(?!\w)"
    r"|(?<![\w/@])(?P<mention>@[A-Za-z]\w{2,31})"
)
_TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "code": "code", "pre": "pre",
    "a": "text_link", "tg-spoiler": "spoiler", "blockquote": "blockquote",
}  # fmt: skip


def units(text: str) -> int:
    """Length in UTF-16 code units, in which entities count."""
    return len(text.encode("utf-16-le")) // 2


def entities(text: str) -> list[dict[str, Any]]:
    """Commands, mentions and addresses that Telegram finds in any text by itself."""
    return [
        {"type": match.lastgroup, "offset": units(text[: match.start()]), "length": units(match.group())}
        for match in _ENTITY.finditer(text)
    ]


def formatted(text: str, parse_mode: str | None) -> tuple[str, list[dict[str, Any]]]:
    """Text without markup, and its entities. HTML is the one parse mode that this server knows."""
    if not parse_mode:
        return text, entities(text)
    if parse_mode.lower() != "html":
        raise bad_request("unsupported parse_mode")
    parser = _Html()
    parser.feed(text)
    parser.close()
    if parser.open:
        raise bad_request(
            f"can't parse entities: Can't find end tag corresponding to start tag \"{parser.open[-1][0]}\""
        )
    return parser.text, parser.entities + entities(parser.text)


def checked(text: str | None, parse_mode: str | None) -> tuple[str, list[dict[str, Any]]]:
    """A message text of 1 to 4,096 characters after its markup is read."""
    plain, found = formatted(text or "", parse_mode)
    if not plain.strip():
        raise bad_request("message text is empty")
    if len(plain) > MAX_TEXT:
        raise bad_request("message is too long")
    return plain, found


def checked_caption(text: str | None, parse_mode: str | None) -> tuple[str, list[dict[str, Any]]]:
    plain, found = formatted(text or "", parse_mode)
    if len(plain) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    return plain, found


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.open: list[tuple[str, int, str | None]] = []
        self.entities: list[dict[str, Any]] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            offset = self.getpos()[1]
            raise bad_request(f'can\'t parse entities: Unsupported start tag "{tag}" at byte offset {offset}')
        self.open.append((tag, units(self.text), dict(attrs).get("href")))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            raise bad_request(f"can't parse entities: Unmatched end tag at byte offset {self.getpos()[1]}")
        _, start, href = self.open.pop()
        entity: dict[str, Any] = {"type": _TAGS[tag], "offset": start, "length": units(self.text) - start}
        self.entities.append(entity | ({"url": href} if href else {}))
