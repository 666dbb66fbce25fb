"""What a person may choose about one photo."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Faces(StrEnum):
    ALL = "all"
    LARGEST = "largest"


class Direction(StrEnum):
    """What is made of what: a selfie becomes anime, or (reverse) an anime picture a selfie."""

    ANIME = "anime"
    REVERSE = "reverse"


class Crop(StrEnum):
    DEFAULT = "default"
    WIDE = "wide"
    TIGHT = "tight"


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the upright photo that the person drew, as fractions of its width and height."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        inside = 0 <= self.x < 1 and 0 <= self.y < 1 and self.x + self.width <= 1.001 and self.y + self.height <= 1.001
        if not (inside and self.width > 0 and self.height > 0):
            raise ValueError(f"a region needs 0 <= x, x + width <= 1 and width > 0, likewise y and height; got {self}")


@dataclass(frozen=True, slots=True)
class Options:
    """How one photo is painted.

    Args:
        faces: all of them (up to the operator's limit), or the largest alone.
        crop: the measured crop, or a step of 1.25 wider or tighter.
        whole: the centred square of the whole picture, without looking for a face.
        region: that part of the picture, without looking for a face.
        face: that one alone, the n-th largest counted from 0, and on from the largest again past the last; None: as
            `faces` says.
        direction: which of the two networks paints.
    """

    faces: Faces = Faces.ALL
    crop: Crop = Crop.DEFAULT
    whole: bool = False
    region: Region | None = None
    face: int | None = None
    direction: Direction = Direction.ANIME

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Options":
        """Jobs that were written down by an earlier release may lack the later choices."""
        raw = json.loads(text)
        region = Region(**raw["region"]) if raw["region"] else None
        return cls(
            Faces(raw["faces"]),
            Crop(raw["crop"]),
            raw["whole"],
            region,
            face=raw.get("face"),
            direction=Direction(raw.get("direction", Direction.ANIME)),
        )
