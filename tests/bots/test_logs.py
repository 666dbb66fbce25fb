"""Secrets never reach the log: not as a value, not inside an address, not in a traceback."""

import io
import json
import logging
import sys

import pytest
import structlog

from bots.logs import configure_logging, secrets_of
from config import load_settings

TOKEN = "123456789:AAFsecretsecretsecretsecret"


@pytest.fixture
def captured(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logging(load_settings(telegram_token=TOKEN, log_format="json", log_level="debug"))
    yield stream
    logging.basicConfig(force=True, level=logging.WARNING)
    structlog.reset_defaults()


def test_a_token_is_struck_out_everywhere(captured):
    log = structlog.get_logger("test")
    log.info("our own", address=f"https://api.telegram.org/bot{TOKEN}/getMe", nested={"token": TOKEN})
    logging.getLogger("library").warning("a library's, with %s", TOKEN)
    try:
        raise ValueError(f"in a traceback {TOKEN}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
    text = captured.getvalue()
    assert "in a traceback" in text
    assert len(text.splitlines()) == 4
    assert TOKEN not in text
    assert all(json.loads(line)["event"] for line in text.splitlines())


def test_peoples_addresses_are_struck_out(captured):
    logging.getLogger("library").warning("550 <ann.b+c@mail.example.org> unknown, bob@example.org too")
    structlog.get_logger("test").info("named", to=("ann@example.org",), page="https://host/@name", bot="@bot")
    text = captured.getvalue()
    assert "unknown" in text
    assert "example.org" not in text
    assert "https://host/@name" in text
    assert '"@bot"' in text


def test_the_mail_password_alone_is_struck_out():
    mail = {"mail_from": "bot@example.org", "web_public_url": "https://example.org"}
    found = secrets_of(load_settings(mail_url="smtp://user:pa%2Fss@host", **mail))
    assert {"pa%2Fss", "pa/ss"} < set(found)


def test_request_addresses_of_libraries_stay_quiet(captured):
    logging.getLogger("httpx").info("HTTP Request: POST https://api.telegram.org/bot…")
    assert captured.getvalue() == ""
