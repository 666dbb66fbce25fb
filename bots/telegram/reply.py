"""What the door notes with a job, to answer it also after a restart."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Self

PRESSES_KEPT = 8  # a press comes twice only right after a crash


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where an answer goes.

    Args:
        chat_id: negative for groups.
        message_id: the photo that is answered; None where it can't be replied to.
        thread_id: topic of a forum.
        status_id: the one message that says where the job stands, once it was sent.
        beside: the picture is to come with the photo's crop beside it.
        shown: the album that was sent, message by message, or the parts of it that were; the buttons are under another.
        items: the messages of the album that is answered.
        sending: noted before pictures are sent. Read after a restart it says: perhaps they arrived.
        pressed: callback queries that were begun to be carried out, the latest last.
        quiet: nobody asked, so that nothing is said but the picture.
        files: ids of the photos that were sent, by which Telegram sends them again (inline mode).
    """

    chat_id: int
    message_id: int | None
    thread_id: int | None = None
    status_id: int | None = None
    beside: bool = False
    shown: tuple[int, ...] = ()
    items: tuple[int, ...] = ()
    sending: bool = False
    pressed: tuple[str, ...] = ()
    quiet: bool = False
    files: tuple[str, ...] = ()

    @property
    def group(self) -> bool:
        return self.chat_id < 0

    def with_status(self, chat_id: int, status_id: int) -> Self:
        """With the status message that was sent, to that chat if the group has moved meanwhile."""
        return replace(self if chat_id == self.chat_id else self.moved(chat_id), status_id=status_id)

    def moved(self, chat_id: int) -> Self:
        """In the supergroup that the group became: its messages are numbered anew, and topics come later."""
        return replace(self, chat_id=chat_id, message_id=None, thread_id=None, status_id=None, shown=())

    def with_press(self, query_id: str) -> Self:
        """With one more press begun."""
        return replace(self, pressed=(*self.pressed, query_id)[-PRESSES_KEPT:])

    def again(self, chat_id: int) -> Self:
        """For another job of the same photo, asked for in that chat."""
        here = self if chat_id == self.chat_id else self.moved(chat_id)
        return replace(here, status_id=None, shown=(), sending=False, pressed=(), quiet=False, files=())

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        raw = json.loads(text)
        lists = {name: tuple(raw.get(name, ())) for name in ("shown", "items", "pressed", "files")}
        return cls(**{**raw, **lists})
