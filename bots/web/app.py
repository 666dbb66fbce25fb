"""Puts the web door together."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from bots.web.door import WebDoor
from bots.web.forgetme import forgetme_router
from bots.web.health import health_router
from bots.web.limits import SlidingWindow
from bots.web.middleware import AnswerUnexpected, CountRequests, SafeHeaders, content_policy
from bots.web.objects import objects_router
from bots.web.page import mount_page, page_templates
from bots.web.ports import Mailroom, SigningStore, Store, Studio
from bots.web.problems import ProblemHandlers
from bots.web.result_page import ResultPage, result_router
from bots.web.selfies import selfies_router
from bots.web.wording import Wording
from bots.words import Words
from config import Settings

ADDRESS_WINDOW = 300.0  # seconds that LIMITS_ADDRESS counts over


def create_app(
    settings: Settings,
    studio: Studio,
    store: Store,
    registry: CollectorRegistry,
    door: WebDoor,
    mailroom: Mailroom | None = None,
) -> FastAPI:
    """The page, the API, signed files, health and metrics.

    Args:
        store: where the pictures lie; one that signs links to itself (files) is served here as well.
        registry: metrics that `/metrics` shows, this door's own among them; takes one app only.
        door: the one that is open at the studio.
        mailroom: where visitors leave an address; None when this service sends no e-mail.
    """
    wording = Wording(Words.load(), settings)
    # No interactive documentation: it would load scripts from a third party.
    app = FastAPI(title="Selfie2Anime", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    problems = ProblemHandlers(wording)
    problems.install(app)
    window = SlidingWindow(settings.limits_address, ADDRESS_WINDOW)
    app.include_router(selfies_router(settings, studio, store, door, wording, window, mailroom))
    app.include_router(forgetme_router(settings, studio, wording))
    app.include_router(health_router(studio, store, registry))
    if isinstance(store, SigningStore):
        app.include_router(objects_router(store))
    templates = page_templates()
    app.include_router(result_router(ResultPage(settings, studio, store, wording, templates)))
    mount_page(app, settings, studio, wording, templates, mail=mailroom is not None)
    https = settings.public_url.startswith("https://")
    # The last added is the outermost.
    app.add_middleware(AnswerUnexpected, handler=problems.unexpected)
    app.add_middleware(SafeHeaders, policy=content_policy(store.origin), https=https)
    app.add_middleware(CountRequests, registry=registry)
    return app
