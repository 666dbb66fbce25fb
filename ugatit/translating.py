"""A folder of pictures through a generator: resized to its size, no faces searched for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ugatit.direction import Direction
from ugatit.page import Row, write_page
from ugatit.pixels import to_bytes, to_floats

if TYPE_CHECKING:
    import keras

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be painted, and why."""

    picture: Path
    reason: str


def find_pictures(folder: Path) -> list[Path]:
    """The pictures directly in a folder, by name.

    Raises:
        NotADirectoryError: there is no such folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: no such folder")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def translate_pictures(
    pictures: Sequence[Path],
    target: Path,
    weights: Path,
    *,
    direction: Direction | None = None,
    batch: int = 8,
    heatmaps: Path | None = None,
) -> list[Failure]:
    """Paints pictures as PNG files of the same stem in `target`, with a progress bar on standard error.

    Where two pictures share a stem (`a.jpg`, `a.png`), all keep their whole names: `a.jpg.png`, `a.png.png`.
    The folder `heatmaps`, if given, gets the pictures overlaid with where the network looked, under the same names.
    `index.html` in `target` shows everything in a table.

    Returns:
        What could not be read; everything else was painted.

    Raises:
        WeightsError: see `load_generator`.
        FileExistsError: a picture would be painted over; none has been.
        OSError: the target cannot be written.
    """
    from ugatit.attention import attention_model, paint_attended
    from ugatit.loading import load_generator

    distinct = len({path.stem for path in pictures}) == len(pictures)
    names = {path: f"{path.stem if distinct else path.name}.png" for path in pictures}
    _spare(pictures, [folder / name for folder in (target, heatmaps) if folder for name in names.values()])
    model = load_generator(weights, direction=direction)
    attended = attention_model(model) if heatmaps else None
    failures: list[Failure] = []
    rows: list[Row] = []
    bar = Progress(
        TextColumn("painting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    )
    with bar:
        task = bar.add_task("painting", total=len(pictures))
        for start in range(0, len(pictures), batch):
            ready: list[tuple[Path, np.ndarray]] = []
            for path in pictures[start : start + batch]:
                try:
                    ready.append((path, read_picture(path, model.config.image_size)))
                except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
                    failures.append(Failure(path, f"cannot be read ({_reason(error)})"))
            if ready:
                photos = np.stack([picture for _, picture in ready])
                written = [names[path] for path, _ in ready]
                if attended and heatmaps:
                    painted, overlays = paint_attended(attended, photos)
                    _save(overlays, heatmaps, written)
                else:
                    painted = paint(model, photos)
                _save(painted, target, written)
                rows += [
                    Row(path, target / names[path], heatmaps / names[path] if heatmaps else None) for path, _ in ready
                ]
            bar.update(task, advance=min(batch, len(pictures) - start))
    write_page(target / "index.html", rows)
    return failures


def read_picture(path: Path, size: int) -> np.ndarray:
    """The middle square of a picture, upright, as (size, size, 3) float32 RGB in [-1, 1]."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    square = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
    return to_floats(np.asarray(square))


def paint(model: "keras.Model", pictures: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) in [-1, 1] → the same as bytes, uint8."""
    import keras

    # Not traced into a graph: that takes about as long as painting twenty pictures.
    return to_bytes(keras.ops.convert_to_numpy(model(pictures, training=False)))


def _spare(pictures: Sequence[Path], written: Sequence[Path]) -> None:
    kept = {_identity(path) for path in pictures if path.exists()}
    for path in written:
        if path.exists() and _identity(path) in kept:
            raise FileExistsError(f"{path} is one of the pictures to paint. Nothing was painted; give another OUT_DIR.")


def _identity(path: Path) -> tuple[int, int]:
    """Of the file, which has several names where there are links, or a file system that knows no capitals."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _save(pictures: np.ndarray, folder: Path, names: Sequence[str]) -> None:
    for picture, name in zip(pictures, names, strict=True):
        Image.fromarray(picture).save(folder / name)


def _reason(error: Exception) -> str:
    return "no picture" if isinstance(error, UnidentifiedImageError) else str(error) or type(error).__name__
