"""One account at a mail server, by MAIL_URL: sends a message, or says whether trying again makes sense."""

import asyncio
import ipaddress
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

STEP = 30.0  # seconds for one answer of the server
WHOLE = 120.0  # seconds for one mail


class NotTaken(Exception):
    """The server will never take this mail to this address (5xx). Says the code alone: its text names the address."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Account:
    """Where mails are handed in.

    Args:
        implicit_tls: encrypted from the first byte (smtps), else by STARTTLS.
        name: host that we introduce ourselves as.
    """

    host: str
    port: int
    implicit_tls: bool
    username: str | None
    password: str | None = field(repr=False)
    name: str

    @classmethod
    def from_url(cls, url: str, name: str) -> "Account":
        parts = urlsplit(url)
        implicit = parts.scheme == "smtps"
        usual = 465 if implicit else 587 if parts.password else 25
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname or "", parts.port or usual, implicit, username, password, name)

    @property
    def start_tls(self) -> bool | None:
        """True: STARTTLS or nothing, since a password must not be read on the way; None: if the server has it."""
        if self.implicit_tls:
            return False
        return True if self.password and not self.loopback else None

    @property
    def loopback(self) -> bool:
        """On this machine: nobody reads along, and certificates there are made up by whoever installed the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    async def send(self, message: EmailMessage, sender: str, to: str) -> None:
        """Hand in one message for one address.

        Raises:
            NotTaken: for good. Anything else: tried again later.
        """
        try:
            async with asyncio.timeout(WHOLE):
                await aiosmtplib.send(
                    message,
                    sender=sender,
                    recipients=[to],
                    hostname=self.host,
                    port=self.port,
                    username=self.username,
                    password=self.password,
                    local_hostname=self.name,
                    use_tls=self.implicit_tls,
                    start_tls=self.start_tls,
                    validate_certs=not self.loopback,
                    timeout=STEP,
                )
        except aiosmtplib.SMTPRecipientsRefused as error:
            _refuse_for_good(error.recipients[0].code)
            raise
        except aiosmtplib.SMTPDataError as error:
            _refuse_for_good(error.code)
            raise


def _refuse_for_good(code: int) -> None:
    """Only what is about this mail: a 5xx to our name, password or sender is for the operator to set right."""
    if code >= 500:
        raise NotTaken(code) from None
