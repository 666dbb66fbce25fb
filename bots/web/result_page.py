"""`/s/TOKEN`: the result of one photo behind its secret link, to see, to keep, to show around and to delete."""

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel
from starlette.templating import Jinja2Templates

from bots.dates import until
from bots.requests import Discarded, Stage
from bots.web.ports import Store, Studio
from bots.web.problems import Problem
from bots.web.results import PAINTED, picture_links, why_none
from bots.web.secret_links import job_id_of, job_of, page_of
from bots.web.visitors import refuse_foreign
from bots.web.wording import Wording
from config import Settings
from storage import Job, State, StorageError

REFRESH = 3  # seconds between two looks of a page whose picture is still to come
UNLISTED = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}
READ = ["GET", "HEAD"]


class Deleted(BaseModel):
    """How many files were deleted; none when they were gone already."""

    photos: int
    pictures: int
    message: str


@dataclass(frozen=True, slots=True)
class ResultPage:
    """What the page shows, state by state."""

    settings: Settings
    studio: Studio
    store: Store
    wording: Wording
    templates: Jinja2Templates

    async def show(self, request: Request, job: Job) -> Response:
        """The pictures; or where the job stands; or why there are none."""
        language = self.wording.language(request)
        pictures = await picture_links(job, self.studio, self.store, self.settings.storage_link_ttl)
        if not pictures and (job.state in PAINTED or (job.state is State.CANCELLED and not job.stored_inputs)):
            return self.gone(request)
        path = page_of(job.id, self.studio)
        context: dict[str, object] = {
            "pictures": pictures,
            "missed": self.wording.missed(language, job.missed),
            "title": self._title(language, max(job.found, len(pictures)), len(pictures)),
            "until": self.wording.words.say(language, "page.until", until=until(job, self.settings, language)),
            "refresh": None if job.state.ended or pictures else REFRESH,
            "message": why_none(job, self.wording, language) or self._standing(language, job),
            "path": path,
            "address": self.settings.public_url + path,
            "can_delete": bool(pictures or job.stored_inputs),
        }
        return self._render(request, language, context)

    def gone(self, request: Request) -> Response:
        """For a link that never was, and for one whose pictures are deleted: nobody learns which."""
        language = self.wording.language(request)
        return self._render(request, language, {"message": self.wording.page(language)["gone"]}, status=404)

    def deleted(self, request: Request, wiped: Discarded) -> Response:
        """Says what was deleted, to a person or to a program."""
        language = self.wording.language(request)
        message = self.wording.page(language)["gone"]
        if wiped.photos or wiped.pictures:
            message = self.wording.words.say(language, "page.deleted", photos=wiped.photos, pictures=wiped.pictures)
        if "text/html" in request.headers.get("accept", ""):
            return self._render(request, language, {"message": message})
        body = Deleted(photos=wiped.photos, pictures=wiped.pictures, message=message)
        return JSONResponse(body.model_dump(), headers=self.wording.headers(language) | UNLISTED)

    def _title(self, language: str, found: int, painted: int) -> str:
        key = "result_some" if found > painted else "result_many" if painted > 1 else "result_one"
        return self.wording.words.say(language, f"page.{key}", painted=painted, found=found)

    def _standing(self, language: str, job: Job) -> str:
        progress = self.studio.progress_of(job.id)
        if progress is None:
            return self.wording.words.say(language, "page.accepted")
        key = "waiting" if progress.stage is Stage.WAITING else "painting"
        if progress.eta is None:
            return self.wording.words.say(language, key, position=progress.position)
        seconds = max(1, round(progress.eta))
        return self.wording.words.say(language, f"{key}_eta", position=progress.position, seconds=seconds)

    def _render(self, request: Request, language: str, context: dict[str, object], *, status: int = 200) -> Response:
        shared = {
            "language": language,
            "languages": self.wording.languages,
            "words": self.wording.page(language),
            "privacy": self.wording.privacy(language),
            # What answers a form stands at an address that nobody can read again.
            "here": request.url.path.removesuffix("/delete") if request.method == "POST" else "",
        }
        headers = self.wording.headers(language) | UNLISTED
        response = self.templates.TemplateResponse(request, "result.html", shared | context, status, headers)
        self.wording.keep(request, response)
        return response


def result_router(page: ResultPage) -> APIRouter:
    router = APIRouter(prefix="/s", include_in_schema=False)
    studio = page.studio

    @router.api_route("/{token}", methods=READ)
    async def show(token: str, request: Request) -> Response:
        if elsewhere := page.wording.choose(request):
            return elsewhere
        job = await job_of(token, studio)
        return page.gone(request) if job is None else await page.show(request, job)

    @router.api_route("/{token}/{number:int}.png", methods=READ)
    async def picture(token: str, number: int) -> Response:
        """A picture at an address that stays, for those who show links with a preview."""
        job = await job_of(token, studio)
        keys = job.results[::2] if job is not None and job.state in PAINTED else ()
        if not 1 <= number <= len(keys):
            raise Problem(404, "not_found")
        return RedirectResponse(await studio.link(keys[number - 1]), 302, UNLISTED)

    @router.post("/{token}/delete")
    async def delete(token: str, request: Request) -> Response:
        """Delete the photo and its pictures. Once more does nothing more, and says so."""
        refuse_foreign(request, page.settings)
        if job_id_of(token, studio) is None:
            return page.gone(request)
        job = await job_of(token, studio)
        try:
            wiped = None if job is None else await studio.discard(job.id, job.person)
        except StorageError as error:  # what could not be deleted is still written down, for the next time
            raise Problem(503, "unexpected", retry_after=30) from error
        return page.deleted(request, wiped or Discarded(0, 0))

    return router
