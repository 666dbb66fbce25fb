"""The python-telegram-bot `Application` of this bot: its handlers, rate limits and time-outs, not started."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telegram.ext import AIORateLimiter, Application, ApplicationBuilder

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
    application = (
        ApplicationBuilder()
        .token(token)
        .base_url(settings.telegram_base_url)
        .base_file_url(settings.telegram_file_url)
        .rate_limiter(AIORateLimiter(max_retries=MAX_RETRIES))
        .concurrent_updates(True)
        .connect_timeout(10.0)
        .read_timeout(30.0)
        .write_timeout(30.0)
        .media_write_timeout(120.0)
        .pool_timeout(60.0)
        .build()
    )
    speech = Speech(Words.load(), settings)
    door = TelegramDoor(application.bot, speech, studio.remember)
    downloads = Downloads(application.bot, f"{settings.telegram_file_url}{token}", settings.limits_photo_bytes)
    handlers = Handlers(studio, door, downloads, speech)
    handlers.add_to(application)
    return Parts(application, door, downloads, handlers)
