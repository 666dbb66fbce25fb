"""The python-telegram-bot `Application` of this bot: its handlers, rate limits and time-outs, not started."""

import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from telegram.ext import AIORateLimiter, Application, ApplicationBuilder
from telegram.request import HTTPXRequest

from bots.telegram.door import TelegramDoor
from bots.telegram.handlers import Handlers
from bots.telegram.intake import Downloads
from bots.telegram.speech import Speech
from bots.words import Words
from config import Settings

if TYPE_CHECKING:
    from bots.studio import Studio

MAX_RETRIES = 5  # of a call that Telegram asked to repeat later


@dataclass(frozen=True, slots=True)
class Parts:
    """What belongs to one bot."""

    application: Application[Any, Any, Any, Any, Any, Any]
    door: TelegramDoor
    downloads: Downloads
    handlers: Handlers


def create_application(settings: Settings, studio: "Studio") -> Application[Any, Any, Any, Any, Any, Any]:
    """The application with its handlers set, which a test can feed updates without a network.

    Raises:
        ValueError: TELEGRAM_TOKEN is not set.
    """
    return create_parts(settings, studio).application


def create_parts(settings: Settings, studio: "Studio") -> Parts:
    """The application, and the parts that its runner opens and closes."""
    if settings.telegram_token is None:
        raise ValueError("TELEGRAM_TOKEN is not set")
    token = settings.telegram_token.get_secret_value()
    # The type that the SDK's next major version has anyway; without it, it warns at every flood wait.
    os.environ.setdefault("PTB_TIMEDELTA", "true")
    tls = httpx.create_ssl_context()  # one for all: each takes a tenth of a second to read the certificates
    application = (
        ApplicationBuilder()
        .token(token)
        .base_url(settings.telegram_base_url)
        .base_file_url(settings.telegram_file_url)
        .rate_limiter(AIORateLimiter(max_retries=MAX_RETRIES))
        .concurrent_updates(True)
        .request(_requests(tls, connections=64))
        .get_updates_request(_requests(tls, connections=1))
        .build()
    )
    speech = Speech(Words.load(), settings)
    door = TelegramDoor(application.bot, speech, studio.remember)
    downloads = Downloads(application.bot, f"{settings.telegram_file_url}{token}", settings.limits_photo_bytes, tls)
    handlers = Handlers(studio, door, downloads, speech)
    handlers.add_to(application)
    return Parts(application, door, downloads, handlers)


def _requests(tls: ssl.SSLContext, *, connections: int) -> HTTPXRequest:
    return HTTPXRequest(
        connection_pool_size=connections,
        connect_timeout=10.0,
        read_timeout=30.0,
        write_timeout=30.0,
        media_write_timeout=120.0,
        pool_timeout=60.0,
        httpx_kwargs={"verify": tls},
    )
