"""What the web door writes beside a job, to answer later polls, also after a restart."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """`found` counts the faces in the photo, `reference` stands in the log for a failure; None until known."""

    found: int | None = None
    reference: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Note":
        return cls(**json.loads(text)) if text else cls()
