"""A mail server on a free local port that takes mails, or refuses, defers, hangs and drops them as the test says."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

OK = "250 OK"


@dataclass
class FakeMailServer:
    """What it was handed, and what it answers.

    Attributes:
        port: where it listens; the same after `down` and `up`.
        answers: by address, in place of OK to RCPT.
        data_answers: used up one by one, in place of OK to the message itself.
        hanging: addresses that it never answers RCPT for.
        dropping: how many of the next messages it breaks the connection off at.
        password: what it asks for; None: nothing.
        logins: passwords that it was told.
        certificate: it speaks TLS with it; None: it does not speak TLS.
        implicit: TLS from the first byte; otherwise STARTTLS, and nothing else before it.
    """

    port: int = 0
    received: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    data_answers: list[str] = field(default_factory=list)
    hanging: set[str] = field(default_factory=set)
    dropping: int = 0
    password: str | None = None
    certificate: ssl.SSLContext | None = None
    implicit: bool = False
    logins: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _sessions: list[SMTP] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def up(self) -> None:
        tls = self.certificate if self.implicit else None
        self._server = await asyncio.get_running_loop().create_server(self._session, "127.0.0.1", self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Nobody listens any more, and whoever is connected is thrown out."""
        if self._server is not None:
            self._server.close()
            for session in self._sessions:
                if session.transport is not None:
                    session.transport.abort()
            self._sessions.clear()
            await asyncio.sleep(0)
            self._server = None

    async def until(self, count: int, within: float = 60.0) -> None:
        """Wait until so many messages were taken."""
        async with asyncio.timeout(within):
            while len(self.received) < count:
                self.changed.clear()
                await self.changed.wait()

    async def until_tried(self, count: int, within: float = 60.0) -> None:
        """Wait until so many recipients were named."""
        async with asyncio.timeout(within):
            while len(self.tried) < count:
                self.changed.clear()
                await self.changed.wait()

    def _session(self) -> SMTP:
        options: dict[str, Any] = {}
        if self.password:
            options |= {"auth_required": True, "auth_require_tls": False, "authenticator": self._authenticate}
        if self.certificate and not self.implicit:
            options |= {"tls_context": self.certificate, "require_starttls": True}
        with warnings.catch_warnings(action="ignore"):  # that a password without TLS is unsafe
            session = SMTP(self, hostname="mail.example", **options)
        self._sessions.append(session)
        return session

    def _authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object):
        self.logins += 1
        right = isinstance(data, LoginPassword) and data.password.decode() == self.password
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]):
        self.tried.append(address)
        self.changed.set()
        if address in self.hanging:
            await asyncio.Event().wait()
        answer = self.answers.get(address, OK)
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.dropping:
            self.dropping -= 1
            server.transport.abort()
            return OK
        if self.data_answers:
            return self.data_answers.pop(0)
        self.received.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        self.changed.set()
        return OK


@asynccontextmanager
async def mail_server(**attributes: Any) -> AsyncIterator[FakeMailServer]:
    """The server, up as long as the block unless the test takes it down."""
    server = FakeMailServer(**attributes)
    await server.up()
    try:
        yield server
    finally:
        await server.down()
