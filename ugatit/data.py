"""Training and test pictures: folders or zip files of them, held in memory as bytes."""

import io
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ugatit.memory import free_memory

SplitName = Literal["trainA", "trainB", "testA", "testB"]
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


class DataError(Exception):
    """Pictures are missing, unreadable or too many for the memory; the message names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """One picture that has not been read yet; `name` is what an error calls it."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Split:
    """The pictures of one split.

    Args:
        name: `trainA`, `trainB`, `testA` or `testB`; A are selfies, B anime faces.
        pictures: (N, S, S, 3) uint8, RGB.
        notes: what a person should know about how they were read.
    """

    name: str
    pictures: np.ndarray
    notes: tuple[str, ...] = ()


def load_split(root: Path, name: SplitName, size: int, limit: int | None = None) -> Split:
    """The pictures of one split, in the order of their names.

    They lie in a folder of the split's name, directly or deeper, under `root` or inside the zip files in it, or inside
    `root` if that is a zip file itself. A picture of another size than `size` is cut to its middle square and resized,
    with a note: public face sets come in many sizes, a resize costs nothing that the augmentation does not cost as
    well, and stretching would teach the network wide faces.

    Args:
        root: a folder or a zip file.
        size: side of the pictures in pixels.
        limit: no more than so many.

    Raises:
        DataError: no such folder, no pictures, an unreadable one, or more than the memory holds.
    """
    sources = _sources(root, name)[:limit]
    if not sources:
        raise DataError(
            f"{root / name}: no pictures. Looked for {', '.join(sorted(SUFFIXES))} in folders called {name}, "
            f"in {root} and in its zip files."
        )
    _check_memory(root / name, len(sources) * size * size * 3)
    pictures = np.empty((len(sources), size, size, 3), "uint8")

    def decode(index: int) -> bool:
        pictures[index], resized = _decode(sources[index], size)
        return resized

    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        resized = list(pool.map(decode, range(len(sources))))
    notes: tuple[str, ...] = ()
    if any(resized):
        first = sources[resized.index(True)].name
        notes = (f"{name}: {sum(resized)} of {len(sources)} pictures resized to {size} x {size}, {first} the first",)
    return Split(name, pictures, notes)


def _sources(root: Path, name: str) -> list[Source]:
    if root.is_dir():
        found = [Source(str(path), path.read_bytes) for path in sorted((root / name).rglob("*")) if _is_picture(path)]
        archives = sorted(path for path in root.iterdir() if path.suffix.lower() == ".zip")
    elif root.is_file():
        found, archives = [], [root]
    else:
        raise DataError(f"{root}: no such folder. Give a folder (or a zip file) that holds trainA and trainB.")
    for archive in archives:
        found += _archived(archive, name)
    return found


def _archived(archive: Path, name: str) -> Iterator[Source]:
    try:
        file = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{archive}: no readable zip file ({error}). Copy it again.") from error
    for member in sorted(file.namelist()):
        path = Path(member)
        if name in path.parts[:-1] and "__MACOSX" not in path.parts and path.suffix.lower() in SUFFIXES:
            yield Source(f"{archive}:{member}", lambda member=member: file.read(member))  # type: ignore[misc]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _decode(source: Source, size: int) -> tuple[np.ndarray, bool]:
    """(S, S, 3) uint8, and whether it had another size."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # broken EXIF of a picture that reads all the same
            with Image.open(io.BytesIO(source.read())) as image:
                upright = ImageOps.exif_transpose(image).convert("RGB")
    except UnidentifiedImageError as error:
        raise DataError(f"{source.name}: not a picture. Remove it or replace it.") from error
    except (OSError, ValueError, SyntaxError, zipfile.BadZipFile, Image.DecompressionBombError) as error:
        raise DataError(f"{source.name}: unreadable picture ({error}). Remove it or replace it.") from error
    if upright.size == (size, size):
        return np.asarray(upright), False
    return np.asarray(ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)), True


def _check_memory(where: Path, needed: int) -> None:
    free = free_memory()
    if free is not None and needed > free:
        raise DataError(
            f"{where}: its pictures need {needed / 2**30:.1f} GiB of memory, {free / 2**30:.1f} are free. "
            "Take fewer pictures or a smaller --image-size."
        )
