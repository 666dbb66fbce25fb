"""Refusals as RFC 9457 problem details, in the visitor's language."""

import math
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from bots.web.secret_links import loggable
from bots.web.wording import Wording

log = structlog.get_logger(__name__)


class Problem(Exception):
    """Ends a request with `status`. `code` picks the words and is what programs read.

    Args:
        retry_after: seconds until trying again makes sense, rounded up in the header of that name.
    """

    def __init__(self, status: int, code: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.retry_after = retry_after


class ProblemDetails(BaseModel):
    """The body of every refusal; `type` is about:blank since status and code say it all."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


@dataclass(frozen=True, slots=True)
class ProblemHandlers:
    """Turns every way in which a request can end badly into problem details."""

    wording: Wording
    by_status: dict[int, str] = field(default_factory=lambda: {404: "not_found", 405: "method_not_allowed"})

    def install(self, app: FastAPI) -> None:
        app.add_exception_handler(Problem, self.refused)
        app.add_exception_handler(HTTPException, self.of_http)
        app.add_exception_handler(RequestValidationError, self.invalid)

    async def refused(self, request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)
        headers = {} if error.retry_after is None else {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
        reference = ""
        if error.code == "unexpected":  # the words name a reference, so the log has to know it as well
            reference = secrets.token_hex(4)
            log.error(
                "request refused", reference=reference, path=loggable(request.url.path), reason=repr(error.__cause__)
            )
        return self._answer(request, error.status, error.code, headers=headers, reference=reference)

    async def of_http(self, request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = self.by_status.get(error.status_code, "bad_request")
        return self._answer(request, error.status_code, code, headers=dict(error.headers or {}))

    async def invalid(self, request: Request, error: Exception) -> JSONResponse:
        """A parameter of the wrong kind or out of its range."""
        return self._answer(request, 422, "bad_request")

    async def unexpected(self, request: Request, error: Exception) -> JSONResponse:
        """Nothing of the error is shown, only a reference that stands in the log beside it."""
        reference = secrets.token_hex(4)
        log.error("request failed", reference=reference, path=loggable(request.url.path), exc_info=error)
        return self._answer(request, 500, "unexpected", reference=reference)

    def _answer(
        self, request: Request, status: int, code: str, *, headers: dict[str, str] | None = None, reference: str = ""
    ) -> JSONResponse:
        language = self.wording.language(request)
        details = ProblemDetails(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=self.wording.problem(language, code, reference=reference),
            code=code,
        )
        content = details.model_dump()
        headers = self.wording.headers(language) | (headers or {})
        return JSONResponse(content, status, headers=headers, media_type="application/problem+json")
