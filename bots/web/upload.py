"""Reads one multipart upload without ever holding more than it may: declared size first, then counted."""

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
PATIENCE = 300.0  # seconds for one upload: 20 MB at half a megabit a second


class _TooLarge(MultiPartException):
    pass


class _Parser(MultiPartParser):
    """Also refuses a body that is too long or that ends early; in both cases no temporary file stays open.

    Args:
        limit: most bytes of the whole body.
    """

    def __init__(self, headers: Headers, stream: AsyncIterator[bytes], limit: int) -> None:
        super().__init__(headers, self._guarded(stream, limit), max_files=1, max_fields=8, max_part_size=FIELD)
        self._complete = False

    def on_end(self) -> None:
        self._complete = True

    async def _guarded(self, stream: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes, None]:
        # What is raised here is raised within parse(), which then closes the files that it opened.
        total = 0
        async for chunk in stream:
            total += len(chunk)
            if total > limit:
                raise _TooLarge("more bytes than allowed")
            yield chunk
        if not self._complete:
            raise MultiPartException("the body ends before its last boundary")


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo (up to 1 MB of it in memory, the rest in an unnamed temporary file) and the choices beside it.

    Args:
        email: as it was typed in; empty when none was.
    """

    photo: UploadFile
    size: int
    options: Options
    email: str = field(default="", repr=False)

    async def chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self.photo.read(CHUNK):
            yield chunk


@asynccontextmanager
async def receive(request: Request, limit: int, patience: float = PATIENCE) -> AsyncIterator[Upload]:
    """The upload in the body of `request`; its temporary file is gone afterwards.

    Args:
        limit: most bytes of the photo.
        patience: seconds until an upload that is still not complete is given up.

    Raises:
        Problem: 400 broken body, 408 too slow, 413 too large, 415 no multipart body, 422 a field is missing or wrong.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise Problem(415, "not_multipart")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit + ENVELOPE:
        raise Problem(413, "photo_too_large")
    parser = _Parser(request.headers, request.stream(), limit + ENVELOPE)
    try:
        async with asyncio.timeout(patience):
            form = await parser.parse()
    except TimeoutError:
        raise Problem(408, "too_slow") from None
    except _TooLarge:
        raise Problem(413, "photo_too_large") from None
    except (MultiPartException, ClientDisconnect):  # whoever hung up reads no answer, but nor is it an error of ours
        raise Problem(400, "bad_request") from None
    try:
        photo = form.get("photo")
        if not isinstance(photo, UploadFile) or not photo.size:
            raise Problem(422, "photo_missing")
        if photo.size > limit:
            raise Problem(413, "photo_too_large")
        yield Upload(photo, photo.size, read_options(form), str(form.get("email") or "").strip())
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
