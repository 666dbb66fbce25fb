"""`/objects/KEY`: pictures that lie in files, for links that we signed ourselves."""

import re
import time

from fastapi import APIRouter, Response

from bots.web.ports import SigningStore
from bots.web.problems import Problem
from storage import ObjectMissing

FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
# Should a file ever be something else than it says, it still runs nothing and loads nothing.
POLICY = "default-src 'none'; sandbox"


def objects_router(store: SigningStore) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/objects/{key:path}", methods=["GET", "HEAD"])  # a preview asks for the head first
    async def serve_object(key: str, expires: str = "", signature: str = "", filename: str | None = None) -> Response:
        """The object, shown in place or, with a filename, downloaded under that name."""
        if not re.fullmatch(r"\d{1,12}", expires):
            raise Problem(403, "link_wrong")
        left = int(expires) - int(time.time())
        if left <= 0:
            raise Problem(410, "link_expired")
        if not store.verify(key, expires, signature):
            raise Problem(403, "link_wrong")
        try:
            data = await store.get(key)
        except ObjectMissing:
            raise Problem(410, "link_expired") from None
        kind = next((kind for start, kind in KINDS if data.startswith(start)), None)
        headers = {
            "Cache-Control": f"private, max-age={left}, immutable",
            "Content-Disposition": _disposition(filename, shown=kind is not None),
            "Content-Security-Policy": POLICY,
        }
        return Response(data, media_type=kind or "application/octet-stream", headers=headers)

    return router


def _disposition(filename: str | None, *, shown: bool) -> str:
    """The signature does not cover the name, so only harmless ones pass."""
    if filename and FILENAME.fullmatch(filename):
        return f'attachment; filename="{filename}"'
    return "inline" if shown else "attachment"
