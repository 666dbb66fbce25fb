"""`/healthz`, `/readyz`, `/metrics`: for the machines that watch the service."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from bots.web.ports import Store, Studio
from storage import StorageError


def health_router(studio: Studio, store: Store, registry: CollectorRegistry) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.api_route("/healthz", methods=["GET", "HEAD"])
    async def alive() -> dict[str, str]:
        """The process answers: a restart would not help."""
        return {"status": "alive"}

    @router.api_route("/readyz", methods=["GET", "HEAD"])
    async def ready() -> JSONResponse:
        """Photos can be painted now. Reasons are names only, since anybody may read them; details are in the log."""
        if studio.ready:
            return JSONResponse({"ready": True, "reasons": []})
        reasons = []
        try:
            await store.check()
        except StorageError as error:
            reasons.append(f"storage: {error.code}")
        return JSONResponse({"ready": False, "reasons": reasons or ["engine: warming up"]}, 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus. In the event loop, not in a thread: the collectors read what changes in it."""
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router
