"""Checkpoints of the authors' TensorFlow release (`UGATIT.model-1000000.index`, `.data-00000-of-00001`, `.meta`).

They are tables of names and numbers. The `.meta` file, a graph that TensorFlow could run, is never opened.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ugatit.direction import Direction
from ugatit.errors import WeightsError
from ugatit.importing.found import Found, Tensor

SLOT = re.compile(r"/Adam(_\d+)?$")  # the optimiser keeps its moments beside every variable
# Until 20 August 2019 the release computed the CAM's logit, which painting has no use for, with a layer of its own;
# what gates the features, and is read, is CAM_logit/kernel and CAM_logit/bias (its ops.py, fully_connected_with_w).
LOGIT_ALONE = frozenset({"CAM_logit/dense/kernel", "CAM_logit/dense/bias"})
PARTS = re.compile(r"\.(index|meta|data-\d+-of-\d+)$")


def find_prefix(path: Path) -> Path:
    """The prefix that a checkpoint's files share, from itself, one of the files, or their folder.

    In a folder with several checkpoints it is the one of the most steps.

    Raises:
        WeightsError: there is no checkpoint there.
    """
    if path.is_dir():
        prefixes = [index.with_suffix("") for index in path.glob("*.index")]
        if not prefixes:
            raise WeightsError(f"{path}: no TensorFlow checkpoint (*.index) in this folder.")
        return max(prefixes, key=lambda prefix: (_steps(prefix), prefix.name))
    prefix = path.with_name(PARTS.sub("", path.name))
    if not prefix.with_name(f"{prefix.name}.index").is_file():
        raise WeightsError(
            f"{path}: no checkpoint. Give a TensorFlow checkpoint (there is no {prefix.name}.index), a .pt or a "
            ".safetensors file."
        )
    return prefix


@contextmanager
def open_tensorflow(prefix: Path, direction: Direction) -> Iterator[Found]:
    """The generator of one direction.

    Raises:
        WeightsError: files missing or damaged, or no generator of that direction.
    """
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise _damaged(prefix, error) from error
    scope = f"{direction.scope}/"
    tensors = {
        name.removeprefix(scope): Tensor(tuple(shape), _reading(prefix, reader, name))
        for name, shape in shapes.items()
        if name.startswith(scope) and not SLOT.search(name)
    }
    if "CAM_logit/kernel" in tensors:
        tensors = {name: tensor for name, tensor in tensors.items() if name not in LOGIT_ALONE}
    if not tensors:
        scopes = sorted({name.split("/", 1)[0] for name in shapes})
        raise WeightsError(f"{prefix}: no {scope} ({direction}) in it, but: {', '.join(scopes[:8]) or 'nothing'}.")
    folder = prefix.parent.resolve().name
    yield Found("TensorFlow release", "tensorflow", tensors, (), lambda name: f"{scope}{name}", folder=folder)


def _reading(prefix: Path, reader: Any, name: str) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        import tensorflow as tf

        try:
            return np.asarray(reader.get_tensor(name))
        except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
            raise _damaged(prefix, error, name) from error

    return read


def _damaged(prefix: Path, error: Exception, name: str = "") -> WeightsError:
    reason = str(getattr(error, "message", error)).splitlines()[0]
    tensor = f"{name}: " if name else ""
    return WeightsError(
        f"{prefix}: {tensor}cannot be read ({reason}). The .index and all .data files are needed, whole, side by side."
    )


def _steps(prefix: Path) -> int:
    found = re.search(r"-(\d+)$", prefix.name)
    return int(found[1]) if found else -1
