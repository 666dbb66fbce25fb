"""The figures of a run: averaged over some steps, then to a CSV file and TensorBoard."""

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ugatit.events import EventFile

LOSSES = (
    "discriminator",
    "adversarial",
    "cycle",
    "identity",
    "cam",
    "critic",
    "critic_adversarial",
    "taught",
    "taught_features",
)
COLUMNS = ("step", "pairs", "seconds", "pairs_per_second", "learning_rate", *LOSSES)


class NotFiniteError(Exception):
    """A loss is no number any more; the run cannot go on."""


class Means:
    """Collects reports of steps and takes their means.

    The scalars stay on the device until then, since fetching one waits for its step.
    """

    def __init__(self) -> None:
        self._reports: list[Mapping[str, Any]] = []

    def __len__(self) -> int:
        return len(self._reports)

    def add(self, report: Mapping[str, Any]) -> None:
        self._reports.append(report)

    def take(self) -> dict[str, float]:
        """The means since the last call; a loss that no step reported is left out.

        Raises:
            NotFiniteError: one is infinite or no number; the message names it.
        """
        means = {}
        for name in LOSSES:
            values = [float(report[name]) for report in self._reports if name in report]
            if values:
                means[name] = sum(values) / len(values)
        self._reports.clear()
        if bad := [name for name, value in means.items() if not abs(value) < float("inf")]:
            raise NotFiniteError(
                f"the losses {', '.join(bad)} are not finite any more. The last checkpoint is from before; resume it "
                "with a lower learning_rate or precision = 'float32'."
            )
        return means


class TrainingLog:
    """log.csv, appended to, and TensorBoard events, a new file for every part of the run.

    Columns of what a run does not have, such as a critic, stay empty: it may have one when it is resumed.

    Args:
        folder: where log.csv and the folder `events` go.
    """

    def __init__(self, folder: Path) -> None:
        self._events = EventFile(folder / "events")
        path = folder / "log.csv"
        columns = list(COLUMNS)
        if begun := path.exists():
            with path.open(newline="") as file:
                columns = next(csv.reader(file), columns)
        self._file = path.open("a", newline="")
        self._rows = csv.DictWriter(self._file, columns, restval="", extrasaction="ignore")
        if not begun:
            self._rows.writeheader()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._events.close()

    def figures(self, step: int, values: Mapping[str, float]) -> None:
        self._rows.writerow({"step": step, **{k: f"{v:.6g}" for k, v in values.items()}})
        self._file.flush()
        self._events.scalars(step, {k: v for k, v in values.items() if k != "pairs"})

    def sheet(self, step: int, jpeg: bytes, width: int, height: int) -> None:
        self._events.picture(step, "samples", jpeg, width, height)
