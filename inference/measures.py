"""What the pipeline tells about its work, to whoever measures it. By default nobody does."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """A part of one photo's way whose seconds are told."""

    PREPARE = "prepare"  # decode, detect, crop, and waiting for a process to do it
    PAINT = "paint"  # waiting for an engine, and its batch
    ENCODE = "encode"


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch that an engine ran.

    Args:
        bucket: pictures that the network saw.
        count: of these, crops that somebody sent; the rest is padding.
        seconds: that the network took.
        attempts: engine processes that had died before over one of its crops; 0 is usual.
    """

    bucket: int
    count: int
    seconds: float
    attempts: int


class Measures(Protocol):
    """Told in the event loop, as things happen. It must be quick and raise nothing."""

    def stage(self, stage: Stage, seconds: float) -> None: ...

    def batch(self, batch: Batch) -> None: ...


class Unmeasured:
    """Listens to nothing."""

    def stage(self, stage: Stage, seconds: float) -> None:
        return None

    def batch(self, batch: Batch) -> None:
        return None
