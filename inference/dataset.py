"""From a heap of photos to training pictures: every face a square, cut as the service cuts it, none of them twice."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np

from inference.colour import to_srgb
from inference.crop import SMALLEST_FACE, around, cut
from inference.decode import Limits, decode
from inference.detect import Detector
from inference.encode import png
from inference.errors import InferenceError
from inference.names import Names

LIMITS = Limits(pixels=200_000_000, side=30_000)  # one's own photos may be larger than what strangers send
GRID = 16
# Of the 256 bits. Measured on the 3,400 training selfies: no two differ by less than 43. Shrunk, saved as a JPEG of
# quality 60 and cut anew with up to 3 px and 2 % off, 98 of 100 stay within 40 of themselves.
ALIKE = 40


class Reason(StrEnum):
    """Why a photo or a face of it is no training picture."""

    UNREADABLE = "unreadable"
    NO_FACE = "no face"
    TINY = "tiny face"
    TWICE = "duplicate"


@dataclass(frozen=True, slots=True)
class Dropped:
    """One photo, or one face of it, that was left out; `detail` is for people."""

    photo: Path
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """What became of the photos.

    Args:
        train, test: pictures written.
        dropped: in the order of the photos.
    """

    train: int
    test: int
    dropped: Sequence[Dropped]


class DatasetError(Exception):
    """Nothing could be prepared; the message names the folder and what to do."""


def find_photos(folder: Path) -> list[Path]:
    """All files below `folder` but hidden ones, in the order of their names; what they are shows their content.

    Raises:
        DatasetError: no such folder, or nothing in it.
    """
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in files if not name.startswith(".")]
    if not found:
        raise DatasetError(f"{folder}: no photos. Give a folder with JPEG, PNG, WebP or HEIC files.")
    return sorted(found)


def prepare_dataset(
    photos: Sequence[Path],
    out: Path,
    *,
    size: int = 256,
    test_share: float = 0.03,
    advance: Callable[[], None] = lambda: None,
) -> Dataset:
    """Writes every face of `photos` to out/trainA or out/testA, as PNG files of `size` x `size`.

    Which of them test is decided by their pixels, not by chance or by order: a later call with more photos moves few.

    Args:
        test_share: of the pictures, 0 to 1; at least one of two or more, unless it is 0.
        advance: called after every photo.

    Raises:
        DatasetError: `out` holds pictures already, or no photo has a face that can be used.
        OSError: a file cannot be written.
    """
    train, test = out / "trainA", out / "testA"
    for folder in (train, test):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DatasetError(f"{folder}: not empty. Take another folder, or remove what is in it.")
    names, maker = Names(train), _Maker(size)
    written: dict[Path, bytes] = {}
    for photo in photos:
        for number, picture in enumerate(maker.pictures(photo), 1):
            path = names.take(photo, number)
            path.write_bytes(png(picture, size))
            written[path] = hashlib.sha256(picture.tobytes()).digest()
        advance()
    if not written:
        raise DatasetError(f"{out}: no picture came of {len(photos)} files. {summary(maker.dropped)}")
    count = round(test_share * len(written))
    if test_share > 0 and len(written) > 1:
        count = min(max(1, count), len(written) - 1)
    for path in sorted(written, key=lambda path: written[path])[:count]:
        path.replace(test / path.name)
    return Dataset(len(written) - count, count, maker.dropped)


def summary(dropped: Sequence[Dropped]) -> str:
    """How many were dropped for which reason, in a line."""
    counts = {reason: sum(one.reason is reason for one in dropped) for reason in Reason}
    return ", ".join(f"{reason}: {count}" for reason, count in counts.items() if count)


class _Seen:
    """Difference hashes of the pictures so far, and where they come from."""

    def __init__(self) -> None:
        self._hashes = np.empty((64, GRID * GRID // 8), np.uint8)
        self._photos: list[Path] = []

    def look(self, picture: np.ndarray, photo: Path) -> Path | None:
        """The photo with a picture that looks the same; if there is none, this one is remembered."""
        value, count = difference_hash(picture), len(self._photos)
        if count:
            distances = np.bitwise_count(self._hashes[:count] ^ value).sum(1, dtype=int)
            if distances.min() <= ALIKE:
                return self._photos[distances.argmin()]
        if count == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        self._hashes[count] = value
        self._photos.append(photo)
        return None


@dataclass(slots=True)
class _Maker:
    """Remembers what it has seen, so that nothing comes twice."""

    size: int
    dropped: list[Dropped] = field(default_factory=list)
    _detector: Detector = field(default_factory=Detector)
    _seen: _Seen = field(default_factory=_Seen)

    def pictures(self, path: Path) -> Iterator[np.ndarray]:
        """The new faces of one photo, left to right, each (size, size, 3) uint8 sRGB."""
        try:
            photo = decode(path.read_bytes(), LIMITS)
        except (InferenceError, OSError) as error:
            self._drop(path, Reason.UNREADABLE, str(error))
            return
        faces = self._detector.detect(photo.pixels)
        if not faces:
            self._drop(path, Reason.NO_FACE, "nothing that the detector is sure of")
        for face in faces:
            if face.height < SMALLEST_FACE:
                self._drop(path, Reason.TINY, f"{face.height:.0f} px high, {SMALLEST_FACE} are needed")
                continue
            picture = to_srgb(cut(photo.pixels, around(face), self.size), photo.profile)
            before = self._seen.look(picture, path)
            if before is None:
                yield picture
            else:
                self._drop(path, Reason.TWICE, f"looks like one of {before}")

    def _drop(self, photo: Path, reason: Reason, detail: str) -> None:
        self.dropped.append(Dropped(photo, reason, detail))


def difference_hash(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB → (32,) uint8: of each of 16 x 16 cells a bit, whether its right neighbour is brighter."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (GRID + 1, GRID), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1])
