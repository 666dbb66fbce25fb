"""`/`: the page, and the files that it is made of."""

from importlib import resources
from os import PathLike, stat_result
from pathlib import Path

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import FileResponse
from fastapi.templating import Jinja2Templates
from starlette.responses import Response as StarletteResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from bots.web.ports import Studio
from bots.web.visitors import visitor_of
from bots.web.wording import Wording
from config import Settings
from storage import StorageError

log = structlog.get_logger(__name__)

HERE = Path(str(resources.files("bots.web")))


class Assets(StaticFiles):
    """Files of the page. Browsers ask every time and are told 304 by ETag, so an update is seen at once."""

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> StarletteResponse:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = "no-cache"
        return response


def page_templates() -> Jinja2Templates:
    return Jinja2Templates(HERE / "templates")


def mount_page(
    app: FastAPI, settings: Settings, studio: Studio, wording: Wording, templates: Jinja2Templates, *, mail: bool
) -> None:
    """The page at `/`; with `mail`, it asks for an address."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        if elsewhere := wording.choose(request):
            return elsewhere
        language = wording.language(request)
        context = {
            "language": language,
            "languages": wording.languages,
            "words": wording.page(language),
            "privacy": wording.privacy(language),
            "photo_bytes": settings.limits_photo_bytes,
            "mail": mail,
            "painted": wording.painted(language, await _painted(studio)),
        }
        response = templates.TemplateResponse(request, "page.html", context, headers=wording.headers(language))
        visitor_of(request).keep(response, settings)
        wording.keep(request, response)
        return response

    @router.get("/favicon.ico")
    async def icon() -> FileResponse:
        return FileResponse(HERE / "static" / "icon.svg", media_type="image/svg+xml")

    app.include_router(router)
    app.mount("/static", Assets(directory=HERE / "static"), name="static")


async def _painted(studio: Studio) -> int:
    try:
        return await studio.painted()
    except StorageError as error:  # the page is there without its number too
        log.warning("painted selfies not counted", why=str(error))
        return 0
