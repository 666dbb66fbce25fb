"""What the service and its workers tell each other: never bytes of pictures, which lie in the store."""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Order:
    """One photo to be painted.

    Args:
        job: its id; `photo`: which of the job's photos, counted from 1.
        key: of the photo in the store.
        options: JSON of `Options`.
    """

    job: str
    photo: int
    key: str
    options: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises: ValueError: it is none."""
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(f"no order: {error}") from None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of an order.

    Args:
        pictures: keys in the store, each followed by that of the crop it was painted from.
        size: side of the pictures, pixels; `found`: faces in the photo.
        code: why there are none, as in `inference.errors`; `why`: more of it for the log.
    """

    job: str
    photo: int
    pictures: tuple[str, ...] = ()
    size: int = 0
    found: int = 0
    code: str = ""
    why: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises: ValueError: it is none."""
        try:
            raw = json.loads(text)
            return cls(**(raw | {"pictures": tuple(raw["pictures"])}))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no report: {error}") from None
