"""What the door notes with a job, to answer it also after a restart."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where an answer goes.

    Args:
        chat_id: negative for groups.
        message_id: the photo that is answered.
        thread_id: topic of a forum.
        status_id: the one message that says where the job stands, once it was sent.
    """

    chat_id: int
    message_id: int
    thread_id: int | None = None
    status_id: int | None = None

    @property
    def group(self) -> bool:
        return self.chat_id < 0

    def with_status(self, status_id: int) -> Self:
        return replace(self, status_id=status_id)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))
