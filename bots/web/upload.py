"""Reads multipart uploads without ever holding more than it may: declared size first, then counted."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from bots.web.problems import Problem
from inference.options import Crop, Direction, Faces, Options, Region

# Boundaries, part headers and the few short fields around the photo.
ENVELOPE = 16_384
FIELD = 1_024
CHUNK = 65_536
PHOTOS = 10  # at once, as in an album of a chat
ALBUM = 3  # times what a single photo may have, all of them together
PATIENCE = 300.0  # seconds for one upload: 20 MB at half a megabit a second


class _TooLarge(MultiPartException):
    """One photo is."""


class _TooMuch(MultiPartException):
    """All photos together are, in number or in size."""


class _Parser(MultiPartParser):
    """Also refuses what is too large or too much, and a body that ends early; then no temporary file stays open.

    Args:
        limit: most bytes of a photo.
    """

    def __init__(self, headers: Headers, stream: AsyncIterator[bytes], limit: int) -> None:
        guarded = self._guarded(stream, ALBUM * limit + ENVELOPE)
        super().__init__(headers, guarded, max_files=PHOTOS + 1, max_fields=8, max_part_size=FIELD)
        self._limit = limit
        self._bytes = 0  # of the part that is being read
        self._complete = False

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._bytes = 0

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        if self._current_files > PHOTOS:
            raise _TooMuch("more photos than allowed")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._bytes += end - start
        if self._bytes > self._limit:
            raise _TooLarge("more bytes than allowed")
        super().on_part_data(data, start, end)

    def on_end(self) -> None:
        self._complete = True

    async def _guarded(self, stream: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes, None]:
        # What is raised here is raised within parse(), which then closes the files that it opened.
        total = 0
        async for chunk in stream:
            total += len(chunk)
            if total > limit:
                raise _TooMuch("more bytes than allowed")
            yield chunk
        if not self._complete:
            raise MultiPartException("the body ends before its last boundary")


@dataclass(frozen=True, slots=True)
class Upload:
    """Photos (up to 1 MB of each in memory, the rest in unnamed temporary files) and the choices beside them.

    Args:
        email: as it was typed in; empty when none was.
    """

    photos: tuple[UploadFile, ...]
    options: Options
    email: str = field(default="", repr=False)

    @property
    def size(self) -> int:
        """Bytes of the largest photo."""
        return max(photo.size or 0 for photo in self.photos)

    def streams(self) -> list[AsyncIterator[bytes]]:
        """The bytes of each photo."""
        return [_chunks(photo) for photo in self.photos]


async def _chunks(photo: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await photo.read(CHUNK):
        yield chunk


@asynccontextmanager
async def receive(request: Request, limit: int, patience: float = PATIENCE) -> AsyncIterator[Upload]:
    """The upload in the body of `request`; its temporary files are gone afterwards.

    Args:
        limit: most bytes of a photo.
        patience: seconds until an upload that is still not complete is given up.

    Raises:
        Problem: 400 broken body, 408 too slow, 413 too large or too many, 415 no multipart body, 422 a field is missing
            or wrong.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem(415, "not_multipart")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > ALBUM * limit + ENVELOPE:
        raise Problem(413, "too_much")
    parser = _Parser(request.headers, request.stream(), limit)
    try:
        async with asyncio.timeout(patience):
            form = await parser.parse()
    except TimeoutError:
        raise Problem(408, "too_slow") from None
    except _TooLarge:
        raise Problem(413, "photo_too_large") from None
    except _TooMuch:
        raise Problem(413, "too_much") from None
    except (MultiPartException, ClientDisconnect):  # whoever hung up reads no answer, but nor is it an error of ours
        raise Problem(400, "bad_request") from None
    try:
        photos = tuple(photo for photo in form.getlist("photo") if isinstance(photo, UploadFile) and photo.size)
        if not photos or len(photos) < len(form.getlist("photo")):
            raise Problem(422, "photo_missing")
        yield Upload(photos, read_options(form), str(form.get("email") or "").strip())
    finally:
        await form.close()


def read_options(form: FormData) -> Options:
    """The choices among the fields of a form.

    Raises:
        Problem: 422, naming the field that is wrong.
    """
    return Options(_faces(form), _crop(form), _whole(form), _region(form), direction=_direction(form))


def _faces(form: FormData) -> Faces:
    try:
        return Faces(str(form.get("faces") or Faces.ALL))
    except ValueError:
        raise Problem(422, "bad_faces") from None


def _crop(form: FormData) -> Crop:
    try:
        return Crop(str(form.get("crop") or Crop.DEFAULT))
    except ValueError:
        raise Problem(422, "bad_crop") from None


def _whole(form: FormData) -> bool:
    value = str(form.get("whole") or "false").lower()
    if value not in {"true", "false", "1", "0"}:
        raise Problem(422, "bad_whole")
    return value in {"true", "1"}


def _direction(form: FormData) -> Direction:
    try:
        return Direction(str(form.get("direction") or Direction.ANIME))
    except ValueError:
        raise Problem(422, "bad_direction") from None


def _region(form: FormData) -> Region | None:
    text = str(form.get("region") or "")
    if not text:
        return None
    try:
        x, y, width, height = (float(part) for part in text.split(","))
        return Region(x, y, width, height)  # also refuses what is not a number: every comparison with NaN fails
    except ValueError:
        raise Problem(422, "bad_region") from None
