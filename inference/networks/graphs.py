"""Graphs that TensorFlow laid for OpenVINO, kept in a folder: reading one takes neither TensorFlow nor its seconds."""

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import ugatit
from config.versions import installed_version
from inference.engine_process import Spec

NAME = "generator.xml"  # OpenVINO's name for the weights is the same with .bin
MOST = 2  # that are kept: one for each direction
PACKAGES = ("openvino", "keras", "tensorflow", "tensorflow-cpu")

log = logging.getLogger(__name__)
T = TypeVar("T")


class Graphs:
    """The graph of a spec's weights in its folder `Spec.graphs`, or nowhere where that is None."""

    def __init__(self, spec: Spec) -> None:
        self._folder = spec.graphs
        self._place: Path | None = None
        if spec.graphs:
            with suppress(OSError):  # no weights: what lays the graph says so
                self._place = spec.graphs / _key(spec)

    def read(self, reader: Callable[[Path], T]) -> T | None:
        """What `reader` makes of the path of the .xml file; None where none is kept, or none that can be read."""
        path = self._place / NAME if self._place else None
        if path is None or not path.is_file():
            return None
        with suppress(OSError):  # read only, which is enough
            os.utime(path.parent)  # the latest ones stay
        try:
            return reader(path)
        except Exception as error:
            log.warning("%s cannot be read and is made anew: %s", path, error)
            shutil.rmtree(path.parent, ignore_errors=True)
            return None

    def keep(self, laid: Path) -> None:
        """Keep the folder `laid`, which holds the files. A full or read-only disk only costs time at the next start."""
        if self._folder is None or self._place is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder) as beside:
                copy = Path(shutil.copytree(laid, Path(beside) / self._place.name))
                for path in copy.iterdir():
                    with path.open("rb") as file:
                        os.fsync(file.fileno())  # else a power cut may leave a name for what was never written
                if not self._place.exists():  # another process was as quick
                    copy.rename(self._place)
            latest = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in latest[MOST:]:
                shutil.rmtree(path, ignore_errors=True)
        except OSError as error:
            log.warning("the network's graph is not kept: %s", error)


def _key(spec: Spec) -> str:
    """Another one for other weights, another version of what lays a graph, or other code that describes it.

    Raises:
        OSError: the weights cannot be read.
    """
    digest = hashlib.sha256(repr([spec.direction, *map(installed_version, PACKAGES)]).encode())
    for path in (spec.weights, *sorted(Path(ugatit.__file__).parent.rglob("*.py"))):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
