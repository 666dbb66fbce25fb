"""How a person likes their pictures, as it is kept in their settings."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from inference import Crop, Faces, Options


@dataclass(frozen=True, slots=True)
class Preferences:
    """What holds for every photo of a person until they say otherwise.

    Args:
        beside: the picture comes with the photo's crop beside it.
    """

    faces: Faces = Faces.ALL
    crop: Crop = Crop.DEFAULT
    beside: bool = False

    @property
    def options(self) -> Options:
        return Options(faces=self.faces, crop=self.crop)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Whatever is missing is as it is for everybody."""
        raw = json.loads(text)
        default = cls()
        return cls(
            Faces(raw.get("faces", default.faces)),
            Crop(raw.get("crop", default.crop)),
            bool(raw.get("beside", default.beside)),
        )
