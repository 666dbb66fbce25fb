"""What crosses between a front door and the studio: frozen dataclasses, never an SDK's objects."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from inference.options import Options
from storage import Job, Source


@dataclass(frozen=True, slots=True)
class PhotoRequest:
    """A photo, or several sent together, that a person wants painted.

    Args:
        source: where it came from; the same source is never painted twice.
        person: `platform:id`.
        language: BCP 47 tag of the person, as the platform gave it.
        reply: JSON that only the door reads: all it needs to answer, also after a restart.
        declared_size: bytes of a single photo, as the platform announced them; the stream is counted regardless.
        interactive: somebody waits for it now (else it yields to those who do).
        unasked: nobody asked for it, so that a refusal is not held against the person.
    """

    source: Source
    person: str
    language: str
    options: Options
    reply: str
    declared_size: int | None = None
    interactive: bool = True
    unasked: bool = False


class Stage(StrEnum):
    WAITING = "waiting"
    PAINTING = "painting"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a job stands: its place in the queue (1 is next) and seconds until it should be done, when known."""

    stage: Stage
    position: int | None = None
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """One painted face as a PNG, and the crop of the photo it was painted from as a JPEG of the same size."""

    png: bytes
    original: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """All pictures of one job: photo by photo, and in each left to right.

    Args:
        found: faces in the photos, which may be more.
        missed: for each photo, the code of why it has no picture; empty for one that has.
    """

    pictures: tuple[Picture, ...]
    found: int
    missed: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Discarded:
    """How many objects of one job were wiped; none the second time."""

    photos: int
    pictures: int


class Refused(Exception):
    """A photo was not taken in. `code` picks the words; `retry_at` is unix time when it would be, if known."""

    def __init__(self, code: str, what: str, retry_at: float | None = None) -> None:
        super().__init__(what)
        self.code = code
        self.retry_at = retry_at


class Undeliverable(Exception):
    """Nobody is there to answer any more (chat deleted, bot blocked): the job ends quietly."""


class Door(Protocol):
    """A front door, as the studio sees it."""

    platform: str

    async def progress(self, job: Job, progress: Progress) -> None:
        """Show where the job stands, by editing what is shown already. A failure to show it is the door's own."""

    async def deliver(self, job: Job, delivery: Delivery) -> None:
        """Answer with the pictures.

        Raises:
            Undeliverable: nobody is there any more. Any other exception: tried again later.
        """

    async def explain(self, job: Job, code: str, reference: str) -> None:
        """Say why there is no picture: words by `code`; `reference` stands in the log as well."""

    async def dismiss(self, job: Job) -> None:
        """The person cancelled the job: take away what shows where it stands. Called once; a failure is logged."""
