"""`/api/selfies`: a photo in, where it stands, its pictures."""

import secrets
import time

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from bots.requests import PhotoRequest, Refused
from bots.web.door import PLATFORM
from bots.web.limits import SlidingWindow
from bots.web.ports import Store, Studio
from bots.web.problems import Problem, ProblemDetails
from bots.web.upload import receive
from bots.web.visitors import address_of, idempotency_key, known_visitor, refuse_foreign, visitor_of
from bots.web.wording import Wording
from config import Settings
from storage import Job, Source, State

STATUS_OF_REFUSAL = {
    "blocked": 403,
    "photo_too_large": 413,
    "over_quota": 429,
    "waiting_quota": 429,
    "queue_full": 503,
    "stopping": 503,
}
RETRY_AFTER = {429: 60.0, 503: 30.0}  # seconds, where the studio names no time

UPLOAD_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["photo"],
                "properties": {
                    "photo": {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or HEIC"},
                    "faces": {"type": "string", "enum": ["all", "largest"]},
                    "crop": {"type": "string", "enum": ["default", "wide", "tight"]},
                    "whole": {"type": "string", "enum": ["true", "false"]},
                    "region": {"type": "string", "description": "x,y,width,height as fractions of the upright photo"},
                },
            }
        }
    },
}


class Links(BaseModel):
    self: str


class Accepted(BaseModel):
    """`position` 1 is next; `eta` is seconds; both are null while unknown."""

    id: str
    state: State
    position: int | None
    eta: float | None
    links: Links


class PictureLinks(BaseModel):
    """One face: the anime picture, the same as a download, and the part of the photo that it was painted from."""

    url: str
    download_url: str
    original_url: str


class Selfie(BaseModel):
    """`code` and `message` say why there is no picture; `found` counts the faces in the photo."""

    id: str
    state: State
    position: int | None
    eta: float | None
    code: str | None
    message: str | None
    found: int | None
    pictures: list[PictureLinks]


def selfies_router(
    settings: Settings, studio: Studio, store: Store, wording: Wording, window: SlidingWindow
) -> APIRouter:
    router = APIRouter(prefix="/api/selfies", tags=["selfies"])

    async def find(job_id: str) -> Job:
        job = await studio.job(job_id)
        if job is None or job.source.platform != PLATFORM:
            raise Problem(404, "not_found")
        return job

    async def describe(job: Job, request: Request, response: Response) -> Selfie:
        language = wording.language(request)
        response.headers.update(wording.headers(language))
        progress = None if job.state.ended else studio.progress_of(job.id)
        message = None
        if job.state is State.CANCELLED:
            message = wording.words.say(language, "cancelled")
        elif job.state in {State.FAILED, State.EXPIRED}:
            message = wording.failure(language, _code(job), job.reference)
        pictures = []
        if job.state in {State.RENDERED, State.DELIVERED}:
            # Keys come in pairs, picture and original, one pair a face.
            for number, (picture, original) in enumerate(zip(job.results[::2], job.results[1::2], strict=True), 1):
                name = "anime.png" if number == 1 else f"anime-{number}.png"
                pictures.append(
                    PictureLinks(
                        url=await studio.link(picture),
                        download_url=await store.link(picture, settings.storage_link_ttl, name),
                        original_url=await studio.link(original),
                    )
                )
        return Selfie(
            id=job.id,
            state=job.state,
            position=progress.position if progress else None,
            eta=progress.eta if progress else None,
            code=_code(job) if message else None,
            message=message,
            found=max(job.found, len(pictures)) or None,
            pictures=pictures,
        )

    @router.post("", status_code=202, openapi_extra={"requestBody": UPLOAD_BODY}, responses=_refusals(STATUSES_OF_POST))
    async def send(request: Request, response: Response) -> Accepted:
        """Send a photo. The answer comes before the picture: poll `links.self`."""
        refuse_foreign(request, settings)
        key = idempotency_key(request)
        if wait := window.take(address_of(request)):
            raise Problem(429, "address_quota", retry_after=wait)
        visitor = visitor_of(request, key)
        async with receive(request, settings.limits_photo_bytes) as upload:
            photo = PhotoRequest(
                source=Source(PLATFORM, visitor.name, key or secrets.token_hex(16), "photo"),
                person=visitor.person,
                language=wording.language(request),
                options=upload.options,
                reply="",
                declared_size=upload.size,
            )
            try:
                job = await studio.accept(photo, upload.chunks())
            except Refused as refusal:
                raise _problem(refusal) from refusal
        visitor.keep(response, settings)
        progress = studio.progress_of(job.id)
        here = f"/api/selfies/{job.id}"
        response.headers["Location"] = here
        return Accepted(
            id=job.id,
            state=job.state,
            position=progress.position if progress else None,
            eta=progress.eta if progress else None,
            links=Links(self=here),
        )

    @router.get("/{job_id}", responses=_refusals([404]))
    async def look(job_id: str, request: Request, response: Response) -> Selfie:
        """Where a photo stands, and its pictures when they are done. Whoever has the id (128 random bits) may look."""
        return await describe(await find(job_id), request, response)

    @router.post("/{job_id}/cancel", responses=_refusals([403, 404, 409]))
    async def cancel(job_id: str, request: Request, response: Response) -> Selfie:
        """Take one's own photo back, as long as it is not painted."""
        refuse_foreign(request, settings)
        job = await find(job_id)
        visitor = known_visitor(request)
        if visitor is None or visitor.person != job.person:
            raise Problem(404, "not_found")  # somebody else's: not even that it exists is theirs to change
        if not await studio.cancel(job_id, visitor.person):
            raise Problem(409, "not_cancelled")
        return await describe(await find(job_id), request, response)

    return router


STATUSES_OF_POST = [400, 403, 408, 413, 415, 422, 429, 503]


def _refusals(statuses: list[int]) -> dict[int | str, dict[str, object]]:
    content = {"application/problem+json": {"schema": ProblemDetails.model_json_schema()}}
    return {status: {"description": "Refused", "content": content} for status in statuses}


def _code(job: Job) -> str:
    return job.code or {State.CANCELLED: "cancelled", State.EXPIRED: "expired"}.get(job.state, "unexpected")


def _problem(refusal: Refused) -> Problem:
    status = STATUS_OF_REFUSAL.get(refusal.code, 503)
    retry_after = RETRY_AFTER.get(status)
    if retry_after is not None and refusal.retry_at is not None:
        retry_after = max(1.0, refusal.retry_at - time.time())
    return Problem(status, refusal.code, retry_after=retry_after)
