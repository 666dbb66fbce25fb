"""`/api/forgetme`: everything of one visitor, wiped."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from bots.web.ports import Studio
from bots.web.problems import Problem, ProblemDetails
from bots.web.visitors import known_visitor, refuse_foreign
from bots.web.wording import LANGUAGE, Wording
from config import Settings
from storage import StorageError

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": "Refused",
        "content": {"application/problem+json": {"schema": ProblemDetails.model_json_schema()}},
    }
    for status in (403, 503)
}


class Wiped(BaseModel):
    """How many files were deleted; none where nobody is `known` by a cookie."""

    photos: int
    pictures: int
    known: bool
    message: str


def forgetme_router(settings: Settings, studio: Studio, wording: Wording) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["selfies"])

    @router.post("/forgetme", responses=REFUSALS)
    async def forgetme(request: Request, response: Response) -> Wiped:
        """Delete all photos and pictures of the visitor whose cookie this is, and cancel what still waits.

        Once more deletes nothing more, and says so. What was sent without a cookie is deleted by its secret link.
        """
        refuse_foreign(request, settings)
        visitor = known_visitor(request)
        language = wording.language(request)
        response.headers.update(wording.headers(language))
        if visitor is None:
            message = wording.words.say(language, "page.unknown")
            return Wiped(photos=0, pictures=0, known=False, message=message)
        try:
            wiped = await studio.forget(visitor.person)
        except StorageError as error:  # what could not be deleted is still written down, for the next time
            raise Problem(503, "unexpected", retry_after=30) from error
        response.delete_cookie(LANGUAGE)
        message = wording.words.say(language, "page.deleted", photos=wiped.photos, pictures=wiped.pictures)
        return Wiped(photos=wiped.photos, pictures=wiped.pictures, known=True, message=message)

    return router
