"""Logging of the service: structured, to standard error, with every secret struck out."""

import logging
import re
import sys
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, WrappedLogger

from config import Settings

HIDDEN = "•••"
# Some of these log whole request addresses at INFO, and a Bot API address contains the token.
NOISY = (
    "httpx",
    "httpcore",
    "telegram",
    "discord",
    "aiobotocore",
    "botocore",
    "aiosqlite",
    "asyncio",
    "uvicorn",
    "PIL",
)


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """The values that must never be written anywhere."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    if settings.mail_url and (password := urlsplit(settings.mail_url.get_secret_value()).password):
        secrets += [password, unquote(password)]  # what a mail library speaks of, without the address around it
    return tuple(secrets)


# People's e-mail addresses are nowhere named on purpose; what a mail server says, and libraries repeat, names them.
ADDRESS = re.compile(r"[^\s@<>\"'(),:;\[\]/=]+@[\w-]+(?:\.[\w-]+)+")


class Redaction:
    """A structlog processor that strikes secrets and e-mail addresses out of whatever is logged, tracebacks too."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(s for s in secrets if s)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: self.clean(value) for key, value in event.items()}

    def clean(self, value: object) -> object:
        """`value` with the secrets struck out; other types than text only where one shows in their text."""
        text = value if isinstance(value, str) else str(value)
        found = [secret for secret in self._secrets if secret in text]
        if not found and ("@" not in text or not ADDRESS.search(text)):
            return value
        for secret in found:
            text = text.replace(secret, HIDDEN)
        return ADDRESS.sub(HIDDEN, text)


def configure_logging(settings: Settings) -> None:
    """Send our own and every library's log through one formatter at LOG_LEVEL, as LOG_FORMAT says."""
    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    redact = Redaction(secrets_of(settings))
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if text else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, renderer],
        )
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
