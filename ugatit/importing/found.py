"""What a checkpoint holds of one generator, whoever wrote it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ugatit.config import Dialect


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor that has not been read yet.

    Args:
        shape: as in a native weights file (kernels height, width, in, out).
        read: reads it, float32 or narrower, in that shape.
    """

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


@dataclass(frozen=True, slots=True)
class Found:
    """The tensors of one generator in a checkpoint.

    Args:
        release: who writes such files, for the provenance.
        dialect: which published implementation they follow.
        tensors: by their names in a native file, below the scope.
        strange: what lies among them and has no place in a generator, as the checkpoint calls it.
        spell: a native name below the scope as the checkpoint calls it, for messages.
        facts: of the configuration, what the file itself states (`image_size`, `smoothing`).
        provenance: what the file states about where the weights come from.
        folder: the name of the folder that it lies in.
    """

    release: str
    dialect: Dialect
    tensors: Mapping[str, Tensor]
    strange: tuple[str, ...]
    spell: Callable[[str], str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
