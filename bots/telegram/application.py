"""The python-telegram-bot `Application` of this bot: its handlers, rate limits and time-outs, not started."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from telegram.ext import Application, ApplicationBuilder, ChatMemberHandler, MessageHandler, filters

from bots.telegram.admins import Admins
from bots.telegram.asides import Asides
from bots.telegram.audience import Audience
from bots.telegram.broadcast import Broadcaster
from bots.telegram.buttons import Buttons
from bots.telegram.door import TelegramDoor
from bots.telegram.forms import Forms
from bots.telegram.groups import Groups
from bots.telegram.handlers import Handlers
from bots.telegram.http import Requests
from bots.telegram.inline import Inline
from bots.telegram.intake import Downloads
from bots.telegram.limiter import Limiter
from bots.telegram.membership import Membership
from bots.telegram.personal import Personal
from bots.telegram.presses import Presses
from bots.telegram.profile import Profile
from bots.telegram.speech import Speech
from bots.words import Words
from config import Settings

if TYPE_CHECKING:
    from bots.studio import Studio


@dataclass(frozen=True, slots=True)
class Parts:
    """What belongs to one bot.

    Args:
        requests: its HTTP clients, which the application closes only if it came to be initialised.
    """

    application: Application[Any, Any, Any, Any, Any, Any]
    door: TelegramDoor
    asides: Asides
    handlers: Handlers
    broadcaster: Broadcaster
    profile: Profile
    requests: tuple[Requests, Requests]


def create_application(settings: Settings, studio: "Studio") -> Application[Any, Any, Any, Any, Any, Any]:
    """The application with its handlers set, answering for Telegram from now on; not started.

    It takes part in whatever way updates come: `run_telegram`, the SDK's own polling, or a test that feeds it.

    Raises:
        ValueError: TELEGRAM_TOKEN is not set.
    """
    parts = create_parts(settings, studio)
    studio.open_door(parts.door)
    return parts.application


def create_parts(settings: Settings, studio: "Studio") -> Parts:
    """The application, and the parts that its runner opens and closes."""
    if settings.telegram_token is None:
        raise ValueError("TELEGRAM_TOKEN is not set")
    token = settings.telegram_token.get_secret_value()
    # The type that the SDK's next major version has anyway; without it, it warns at every flood wait.
    os.environ.setdefault("PTB_TIMEDELTA", "true")
    tls = httpx.create_ssl_context()  # one for all: each takes a tenth of a second to read the certificates
    requests, updates = Requests(tls, connections=64), Requests(tls, connections=1)
    application = (
        ApplicationBuilder()
        .token(token)
        .base_url(settings.telegram_base_url)
        .base_file_url(settings.telegram_file_url)
        .rate_limiter(Limiter())
        .concurrent_updates(True)
        .request(requests)
        .get_updates_request(updates)
        .build()
    )
    speech = Speech(Words.load(), settings)
    buttons = Buttons(speech, studio)
    door = TelegramDoor(application.bot, speech, buttons, studio.remember, studio.allowances)
    asides = Asides(door.say)
    file_url = f"{settings.telegram_file_url}{token}"
    downloads = Downloads(application.bot, lambda: requests.files, file_url, settings.limits_photo_bytes)
    personal = Personal(studio, asides, buttons, speech)
    membership = Membership(application.bot)
    groups = Groups(studio.people, asides, buttons, speech, membership)
    broadcaster = Broadcaster(studio, application.bot, door, buttons, speech)
    forms = Forms(studio, door, asides, speech)
    presses = Presses(studio, door, asides, buttons, speech, forms, personal, groups, membership, broadcaster)
    admins = Admins(studio, door, speech, settings.admins)
    inline = Inline(studio, speech)
    handlers = Handlers(studio, door, asides, downloads, speech, presses, personal, groups, inline, admins, broadcaster)
    handlers.add_to(application)
    profile = Profile(application.bot, speech, admins.ids)
    audience = Audience(studio.broadcasts, profile.greet)
    # In a group of their own, these see what the handlers above answer.
    application.add_handler(MessageHandler(filters.UpdateType.MESSAGE, audience.wrote), group=1)
    application.add_handler(ChatMemberHandler(audience.standing, ChatMemberHandler.MY_CHAT_MEMBER), group=1)
    return Parts(application, door, asides, handlers, broadcaster, profile, (requests, updates))
