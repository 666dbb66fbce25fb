"""What a group's admins decide for it."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Self

from bots.preferences import Preferences
from inference import Crop, Faces


@dataclass(frozen=True, slots=True)
class GroupRules:
    """How the bot behaves in one group.

    Args:
        every: paints every photo, asked or not.
        admins_only: paints for admins alone.
        faces, crop: for all that is painted there; None: as whoever asks likes it.
    """

    every: bool = False
    admins_only: bool = False
    faces: Faces | None = None
    crop: Crop | None = None

    def over(self, own: Preferences) -> Preferences:
        """What holds for somebody with these preferences of their own."""
        return replace(own, faces=self.faces or own.faces, crop=self.crop or own.crop)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Whatever is missing is not decided."""
        raw = json.loads(text)
        faces, crop = raw.get("faces"), raw.get("crop")
        return cls(
            bool(raw.get("every")),
            bool(raw.get("admins_only")),
            None if faces is None else Faces(faces),
            None if crop is None else Crop(crop),
        )
