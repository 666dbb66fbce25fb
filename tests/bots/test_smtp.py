"""Mail over TLS, as servers on the internet ask for it: encrypted, the certificate checked, before any password."""

import asyncio
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme

from bots.smtp import Account, NotTaken
from tests.fakes.smtp import FakeMailServer, mail_server

HOST = "mail.example.org"
PASSWORD = "s3cret/@"
QUOTED = "s3cret%2F%40"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Trusted by this process, as if by the machine."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


@pytest.fixture(autouse=True)
async def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOST is this machine, but not by a name that is known to be."""
    loop = asyncio.get_running_loop()
    look_up = loop.getaddrinfo

    async def found(host: Any, *args: Any, **kwargs: Any) -> Any:
        return await look_up("127.0.0.1" if host == HOST else host, *args, **kwargs)

    monkeypatch.setattr(loop, "getaddrinfo", found)


def certificate(authority: trustme.CA, host: str = HOST) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    return context


def account(server: FakeMailServer, scheme: str) -> Account:
    return Account.from_url(f"{scheme}://bot:{QUOTED}@{HOST}:{server.port}", "selfie.example.org")


async def send(account: Account) -> None:
    message = EmailMessage()
    message["Subject"] = "Your picture"
    message.set_content("It is here.")
    await account.send(message, "bot@example.org", "ann@example.org")


@pytest.mark.parametrize(("scheme", "implicit"), [("smtps", True), ("smtp", False)])
async def test_a_mail_goes_encrypted_to_a_server_that_is_who_it_says(
    authority: trustme.CA, scheme: str, implicit: bool
) -> None:
    async with mail_server(password=PASSWORD, certificate=certificate(authority), implicit=implicit) as server:
        await send(account(server, scheme))
        assert [mail["Subject"] for mail in server.received] == ["Your picture"]


@pytest.mark.parametrize(("scheme", "implicit"), [("smtps", True), ("smtp", False)])
@pytest.mark.parametrize("wrong", ["authority", "host"])
async def test_a_server_that_cannot_prove_who_it_is_gets_nothing(
    authority: trustme.CA, scheme: str, implicit: bool, wrong: str
) -> None:
    shown = certificate(trustme.CA()) if wrong == "authority" else certificate(authority, "other.example.org")
    async with mail_server(password=PASSWORD, certificate=shown, implicit=implicit) as server:
        with pytest.raises(Exception, match=r"certificate verify failed|CERTIFICATE_VERIFY_FAILED") as failed:
            await send(account(server, scheme))
        assert not isinstance(failed.value, NotTaken), "it is tried again, when the operator has set it right"
        assert server.tried == []


async def test_a_password_is_not_told_to_a_server_without_tls() -> None:
    async with mail_server(password=PASSWORD) as server:
        with pytest.raises(Exception, match="STARTTLS"):
            await send(account(server, "smtp"))
        assert (server.tried, server.logins) == ([], 0)
