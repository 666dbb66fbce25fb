"""Translates the test pictures, scores them against the other domain's, and draws the sheet."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

from ugatit.data import load_split
from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.evaluation.errors import EvaluationError
from ugatit.evaluation.features import FeatureNetwork, keras_inception, precomputed, torchscript
from ugatit.evaluation.measures import Scores, score
from ugatit.evaluation.sheet import contact_sheet
from ugatit.pixels import to_floats
from ugatit.weights_file import read_header

SHOWN_SIZE = 256  # smaller paintings are enlarged to it, as they are for whoever gets them
BATCH = 8


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Args:
        direction: which way was translated.
        translated, reference: how many pictures each.
        features: which network the scores rest on.
        scores: the scores.
        sheet: where the contact sheet lies.
    """

    direction: Direction
    translated: int
    reference: int
    features: str
    scores: Scores
    sheet: Path


def evaluate(
    weights: Path, data: Path, out: Path, *, features: Path | None = None, direction: Direction | None = None
) -> Evaluation:
    """Scores a generator on testA → testB (or the other way) and writes `scores.json`, `features.npz`, `contact.jpg`.

    Args:
        weights: a native weights file.
        data: a folder (or zip file) with testA and testB; A are selfies.
        out: the folder for the files; made if missing.
        features: a TorchScript feature network, or an .npz file with the features of both sets; None takes Keras'
            Inception-v3.
        direction: which generator, where the file holds both; None takes the first it holds.

    Raises:
        WeightsError: see `load_generator`.
        DataError: see `load_split`.
        EvaluationError: no feature network, or too few pictures or features that do not fit together.
        OSError: the files cannot be written.
    """
    header = read_header(weights)
    direction = direction or next(iter(header.directions), None)
    if direction is None:
        raise WeightsError(f"{weights}: holds no generator.")
    given = precomputed(features) if features and features.suffix == ".npz" else None
    network = None if given else torchscript(features) if features else keras_inception()
    ours, theirs = _splits(direction)
    size = header.config.image_size
    shown = max(size, SHOWN_SIZE)
    sources = load_split(data, ours, size).pictures
    reference = load_split(data, theirs, shown).pictures
    out.mkdir(parents=True, exist_ok=True)
    painted = _paint(weights, direction, sources, shown)
    if network:
        given = _features(network, painted, "features, painted"), _features(network, reference, "features, real")
        np.savez_compressed(out / "features.npz", generated=given[0], reference=given[1])
    assert given is not None
    try:
        scores = score(*given)
    except ValueError as error:
        raise EvaluationError(f"{features or data}: {error}.") from error
    sheet = out / "contact.jpg"
    contact_sheet(sources, painted).save(sheet, quality=92)
    name = network.name if network else f"precomputed, {features}"
    done = Evaluation(direction, len(given[0]), len(given[1]), name, scores, sheet)
    record = {**asdict(done), "sheet": sheet.name, "weights": str(weights), "image_size": size}
    (out / "scores.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    return done


def _splits(direction: Direction) -> tuple[Literal["testA", "testB"], Literal["testA", "testB"]]:
    return ("testA", "testB") if direction is Direction.SELFIE2ANIME else ("testB", "testA")


def _paint(weights: Path, direction: Direction, sources: np.ndarray, shown: int) -> np.ndarray:
    """(N, S, S, 3) → (N, shown, shown, 3), uint8."""
    from ugatit.loading import load_generator
    from ugatit.translating import paint

    model = load_generator(weights, direction=direction)
    painted: list[np.ndarray] = []
    for batch in _batches(sources, "painting"):
        for picture in paint(model, to_floats(batch)):
            image = Image.fromarray(picture)
            if picture.shape[0] != shown:
                image = image.resize((shown, shown), Image.Resampling.LANCZOS)
            painted.append(np.asarray(image))
    return np.stack(painted)


def _features(
    network: Callable[[np.ndarray], np.ndarray] | FeatureNetwork, pictures: np.ndarray, what: str
) -> np.ndarray:
    return np.concatenate([network(batch) for batch in _batches(pictures, what)])


def _batches(pictures: np.ndarray, what: str) -> Iterator[np.ndarray]:
    starts = range(0, len(pictures), BATCH)
    for start in track(starts, what, console=Console(stderr=True)):
        yield pictures[start : start + BATCH]
