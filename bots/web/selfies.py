"""`/api/selfies`: a photo in, where it stands, its pictures."""

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from bots.requests import PhotoRequest, Picture, Refused
from bots.side_by_side import side_by_side
from bots.variants import Variant, changed
from bots.web.door import PLATFORM, WebDoor
from bots.web.limits import SlidingWindow, Turnstile
from bots.web.ports import Mailroom, Store, Studio
from bots.web.problems import Problem, ProblemDetails
from bots.web.results import PAINTED, PictureLinks, code_of, picture_links, variants_of, why_none
from bots.web.secret_links import page_of
from bots.web.upload import PHOTOS, Upload, receive
from bots.web.visitors import Visitor, address_of, idempotency_key, known_visitor, refuse_foreign, visitor_of
from bots.web.wording import Wording
from config import Settings
from inference import Options
from storage import Job, Source, State, StorageError
from storage.addresses import clean_address
from storage.errors import ObjectMissing

STATUS_OF_REFUSAL = {
    "blocked": 403,
    "photo_too_large": 413,
    "over_quota": 429,
    "waiting_quota": 429,
    "mail_quota": 429,
    "photo_gone": 410,
    "queue_full": 503,
    "stopping": 503,
}
# Read and written down at once: of a crowd that comes at one moment not all are in memory, nor all ahead of painting.
UPLOADS = 32
UPLOAD_SECONDS = 1.0  # that one of them counts as such
LONGEST_WAIT = 25.0  # seconds that an answer is held back; proxies break off after 30 or more
RETRY_AFTER = {429: 60.0, 503: 30.0}  # seconds, where the studio names no time

UPLOAD_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["photo"],
                "properties": {
                    "photo": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "minItems": 1,
                        "maxItems": PHOTOS,
                        "description": "JPEG, PNG, WebP or HEIC; several become one job",
                    },
                    "faces": {"type": "string", "enum": ["all", "largest"]},
                    "crop": {"type": "string", "enum": ["default", "wide", "tight"]},
                    "whole": {"type": "string", "enum": ["true", "false"]},
                    "direction": {"type": "string", "enum": ["anime", "reverse"]},
                    "region": {
                        "type": "string",
                        "pattern": r"^(0|1|0?\.[0-9]+)(,(0|1|0?\.[0-9]+)){3}$",
                        "description": "x,y,width,height as fractions of the upright photo, inside it",
                    },
                    "email": {
                        "type": "string",
                        "description": "gets the link to the result; only where this service sends e-mail",
                    },
                },
            }
        }
    },
}


class Links(BaseModel):
    """`self` to look at, at best with `wait`; `page` shows the result to whoever has its address, and lets them delete
    it. A look at a photo that another visitor sent names no page: knowing the id is enough to look, and not enough to
    delete."""

    self: str
    page: str | None


class Accepted(BaseModel):
    """`position` 1 is next; `eta` is seconds; both are null while unknown."""

    id: str
    state: State
    position: int | None
    eta: float | None
    links: Links


class Selfie(BaseModel):
    """`code` and `message` say why there is no picture, `missed` of which photos there is none beside the others;
    `found` counts the faces in the photos; `again` names what `/again` can make of the same photos, and `left` says how
    many more may be sent when they are few, both for the visitor who sent them."""

    id: str
    state: State
    position: int | None
    eta: float | None
    code: str | None
    message: str | None
    found: int | None
    pictures: list[PictureLinks]
    missed: list[str]
    left: str | None
    again: list[Variant]
    links: Links


def selfies_router(
    settings: Settings,
    studio: Studio,
    store: Store,
    door: WebDoor,
    wording: Wording,
    window: SlidingWindow,
    mailroom: Mailroom | None,
) -> APIRouter:
    router = APIRouter(prefix="/api/selfies", tags=["selfies"])
    turnstile = Turnstile(UPLOADS, UPLOAD_SECONDS)

    async def find(job_id: str) -> Job:
        job = await studio.job(job_id)
        if job is None or job.source.platform != PLATFORM:
            raise Problem(404, "not_found")
        return job

    async def find_own(job_id: str, request: Request) -> tuple[Visitor, Job]:
        job = await find(job_id)
        visitor = known_visitor(request)
        if visitor is None or visitor.person != job.person:
            raise Problem(404, "not_found")  # somebody else's: not even that it exists is theirs to change
        return visitor, job

    def accepted(job: Job, response: Response) -> Accepted:
        progress = studio.progress_of(job.id)
        response.headers["Location"] = _address(job)
        return Accepted(
            id=job.id,
            state=job.state,
            position=progress.position if progress else None,
            eta=progress.eta if progress else None,
            links=Links(self=_address(job), page=page_of(job.id, studio)),
        )

    async def describe(job: Job, request: Request, response: Response) -> Selfie:
        language = wording.language(request)
        response.headers.update(wording.headers(language))
        progress = None if job.state.ended else studio.progress_of(job.id)
        message = why_none(job, wording, language)
        pictures = await picture_links(job, studio, store, settings.storage_link_ttl)
        visitor = known_visitor(request)
        own = visitor is not None and visitor.person == job.person
        few = await studio.allowances.few(job.person) if own and pictures else None
        return Selfie(
            id=job.id,
            state=job.state,
            position=progress.position if progress else None,
            eta=progress.eta if progress else None,
            code=code_of(job) if message else None,
            message=message,
            found=max(job.found, len(pictures)) or None,
            pictures=pictures,
            missed=[] if message else wording.missed(language, job.missed),
            left=wording.left(language, few) if few else None,
            again=variants_of(job) if own else [],
            links=Links(self=_address(job), page=page_of(job.id, studio) if own else None),
        )

    @router.post("", status_code=202, openapi_extra={"requestBody": UPLOAD_BODY}, responses=_refusals(STATUSES_OF_POST))
    async def send(request: Request, response: Response) -> Accepted:
        """Send a photo, or several as one job. The answer comes before the picture: look at `links.self`."""
        refuse_foreign(request, settings)
        key = idempotency_key(request)
        if wait := window.take(address_of(request)):
            raise Problem(429, "address_quota", retry_after=wait)
        visitor = visitor_of(request, key)
        async with turnstile.passed(), receive(request, settings.limits_photo_bytes) as upload:
            photo = PhotoRequest(
                source=Source(PLATFORM, visitor.name, key or secrets.token_hex(16), "photo"),
                person=visitor.person,
                language=wording.language(request),
                options=upload.options,
                reply="",
                declared_size=upload.size,
            )
            address = _address_in(upload, mailroom)
            try:
                async with AsyncExitStack() as stack:
                    if mailroom and address:
                        await stack.enter_async_context(mailroom.room_for(address))
                    job = await studio.accept(photo, *upload.streams())
                    if mailroom and address:  # before anybody is told that the photo is taken in
                        await mailroom.promise(job, address)
            except Refused as refusal:
                raise _problem(refusal) from refusal
            except StorageError as error:
                raise Problem(503, "unexpected", retry_after=RETRY_AFTER[503]) from error
        visitor.keep(response, settings)
        return accepted(job, response)

    @router.post("/{job_id}/again", status_code=202, responses=_refusals(STATUSES_OF_AGAIN))
    async def again(
        job_id: str,
        variant: Annotated[str, Query(json_schema_extra={"enum": [*Variant]})],  # checked below, for words of our own
        request: Request,
        response: Response,
    ) -> Accepted:
        """Paint one's own photo once more, as `variant` (one of `again`) says; it need not be sent again.

        The answer is as for a photo. With an Idempotency-Key, the same request again starts nothing twice.
        """
        refuse_foreign(request, settings)
        key = idempotency_key(request)
        if wait := window.take(address_of(request)):
            raise Problem(429, "address_quota", retry_after=wait)
        if variant not in list(Variant):
            raise Problem(422, "bad_variant")
        visitor, job = await find_own(job_id, request)
        options = changed(Options.from_json(job.options), Variant(variant), job.found)
        if options is None:
            raise Problem(409, "nothing_new")
        source = Source(PLATFORM, visitor.name, key or secrets.token_hex(16), variant)
        language = wording.language(request)
        try:
            painting = await studio.repaint(job_id, visitor.person, options, source, reply="", language=language)
        except Refused as refusal:
            raise _problem(refusal) from refusal
        except StorageError as error:
            raise Problem(503, "unexpected", retry_after=RETRY_AFTER[503]) from error
        return accepted(painting, response)

    @router.get("/{job_id}", responses=_refusals([404, 422, 503]))
    async def look(
        job_id: str,
        request: Request,
        response: Response,
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0.0,
    ) -> Selfie:
        """Where a photo stands, and its pictures when they are done. Whoever has the id (128 random bits) may look.

        The answer comes at once, or with `wait` once there are pictures or will be none, after so many seconds at most.
        """
        try:
            job = await (door.outcome(job_id, wait, lambda: find(job_id)) if wait else find(job_id))
            return await describe(job, request, response)
        except StorageError as error:
            raise Problem(503, "unexpected", retry_after=RETRY_AFTER[503]) from error

    @router.post("/{job_id}/cancel", responses=_refusals([403, 404, 409]))
    async def cancel(job_id: str, request: Request, response: Response) -> Selfie:
        """Take one's own photo back, as long as it is not painted."""
        refuse_foreign(request, settings)
        visitor, _ = await find_own(job_id, request)
        if not await studio.cancel(job_id, visitor.person):
            raise Problem(409, "not_cancelled")
        return await describe(await find(job_id), request, response)

    @router.get("/{job_id}/beside/{number}", responses=_refusals([404, 422, 429, 503]), response_class=Response)
    async def beside(job_id: str, number: int, request: Request) -> Response:
        """The part of the photo and its anime picture side by side, as a PNG to keep. `number` counts from 1."""
        if wait := window.take(address_of(request)):  # each one is drawn anew
            raise Problem(429, "address_quota", retry_after=wait)
        job = await find(job_id)
        keys = job.results[2 * number - 2 : 2 * number] if number > 0 and job.state in PAINTED else ()
        if len(keys) != 2:
            raise Problem(404, "not_found")
        try:
            picture = Picture(await store.get(keys[0]), await store.get(keys[1]))
        except ObjectMissing:  # wiped between the two
            raise Problem(404, "not_found") from None
        except StorageError as error:
            raise Problem(503, "unexpected", retry_after=RETRY_AFTER[503]) from error
        name = "side-by-side.png" if number == 1 else f"side-by-side-{number}.png"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
        both = await asyncio.to_thread(side_by_side, picture)
        return Response(both, media_type="image/png", headers=headers)

    return router


STATUSES_OF_AGAIN = [403, 404, 409, 410, 422, 429, 503]
STATUSES_OF_POST = [400, 403, 408, 413, 415, 422, 429, 503]


def _refusals(statuses: list[int]) -> dict[int | str, dict[str, object]]:
    content = {"application/problem+json": {"schema": ProblemDetails.model_json_schema()}}
    return {status: {"description": "Refused", "content": content} for status in statuses}


def _address(job: Job) -> str:
    return f"/api/selfies/{job.id}"


def _address_in(upload: Upload, mailroom: Mailroom | None) -> str | None:
    """Where the link is to be mailed; None: nowhere.

    Raises:
        Problem: 422, it is no address, or there is nobody to write to it.
    """
    if not upload.email:
        return None
    if mailroom is None:
        raise Problem(422, "no_mail")
    try:
        return clean_address(upload.email)
    except ValueError:
        raise Problem(422, "bad_email") from None


def _problem(refusal: Refused) -> Problem:
    status = STATUS_OF_REFUSAL.get(refusal.code, 503)
    retry_after = RETRY_AFTER.get(status)
    if retry_after is not None and refusal.retry_at is not None:
        retry_after = max(1.0, refusal.retry_at - time.time())
    return Problem(status, refusal.code, retry_after=retry_after)
