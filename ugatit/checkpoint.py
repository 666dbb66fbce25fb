"""The whole state of a training run in one file: every variable as safetensors, the rest as JSON in its metadata.

One file, put in place by one rename, is whole or not there: a crash while it is written leaves the one before.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ugatit.recipe import Recipe

FILE = "checkpoint.safetensors"
VERSION = 1
LACKED = {  # by older checkpoints; the first that is written anew has it
    "minutes": "this checkpoint does not say whether --minutes were to end the run: if so, give them again",
    "gates": "this checkpoint does not say that its discriminators' gates are normalised: if it is from before they "
    "were, its discriminators judge otherwise from here on and learn anew for a while",
}


class CheckpointError(Exception):
    """A checkpoint is missing, damaged or of another network; the message names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run is. All random numbers follow from the seed, the step and the pairs seen.

    Args:
        step: steps done.
        pairs: pairs seen.
        seconds: time spent training, over all its parts.
    """

    step: int = 0
    pairs: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Saved:
    """What a checkpoint says about itself.

    Args:
        recipe: what is trained.
        position: how far it is.
        minutes: of training after which the run ends, counted over all its parts; None where steps alone end it, and
            in checkpoints from before this was kept.
        notes: what whoever resumes it should read.
    """

    recipe: Recipe
    position: Position
    minutes: float | None = None
    notes: tuple[str, ...] = ()


def save_checkpoint(
    path: Path, state: Mapping[str, Any], recipe: Recipe, position: Position, minutes: float | None = None
) -> None:
    """Writes variables (Keras) by name, and what `Saved` has, replacing the file at `path`.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    about = {
        "version": VERSION,
        "recipe": recipe.to_dict(),
        "position": asdict(position),
        "minutes": minutes,
        "gates": "normalised",
    }
    tensors = {name: np.asarray(variable.numpy(), order="C") for name, variable in state.items()}
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file(tensors, beside, {"training": json.dumps(about)})
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())  # else a power cut after the rename could leave an empty file
        os.replace(beside, path)
    except SafetensorError as error:  # how the library reports a full disk
        os.unlink(beside)
        raise OSError(f"{path}: cannot be written ({error})") from error
    except BaseException:
        os.unlink(beside)
        raise


def remove_half_written(folder: Path, names: Iterable[str]) -> None:
    """Deletes what a kill left of files of these names while they were written, each as large as the file.

    Nobody else may be writing them.
    """
    for name in names:
        for left in folder.glob(f".{name}.????????"):  # as tempfile calls them
            left.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> Saved:
    """What a checkpoint says about itself, without its variables.

    Raises:
        CheckpointError: no such file, a damaged one, or no checkpoint.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file, so there is nothing to resume. Leave --resume out to begin.")
    with _open(path) as file:
        return _about(path, file.metadata() or {})


def load_checkpoint(path: Path, state: Mapping[str, Any], passed_over: tuple[str, ...] = ()) -> Saved:
    """Assigns the variables of a checkpoint to those of the same names.

    Args:
        path: the checkpoint.
        state: variables by name.
        passed_over: beginnings of the names of variables that it may have and nobody wants.

    Raises:
        CheckpointError: see `read_checkpoint`; or its variables are not these. Nothing has been assigned then.
    """
    saved = read_checkpoint(path)
    with _open(path) as file:
        held = {name for name in file.keys() if not name.startswith(passed_over)}  # noqa: SIM118 - no mapping
        problems = [f"{name} is missing" for name in sorted(set(state) - held)]
        problems += [f"{name} has no place in these networks" for name in sorted(held - set(state))]
        for name in sorted(held & set(state)):
            shape = tuple(file.get_slice(name).get_shape())
            if shape != tuple(state[name].shape):
                problems.append(f"{name} has shape {shape}, not {tuple(state[name].shape)}")
        if problems:
            more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
            raise CheckpointError(f"{path}: {'; '.join(problems[:8])}{more}. Resume with the recipe it began with.")
        for name, variable in state.items():
            variable.assign(file.get_tensor(name))
    return saved


def _open(path: Path) -> Any:
    try:
        return safe_open(path, "numpy")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: cut short or unreadable ({error}). Begin again, or copy it once more."
        ) from error


def _about(path: Path, metadata: Mapping[str, str]) -> Saved:
    try:
        about = json.loads(metadata["training"])
        if about["version"] != VERSION:
            raise ValueError(f"version {about['version']}, this is version {VERSION}")
        notes = tuple(note for name, note in LACKED.items() if name not in about)
        return Saved(Recipe.from_dict(about["recipe"]), Position(**about["position"]), about.get("minutes"), notes)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: not a checkpoint of this project ({error}).") from error
