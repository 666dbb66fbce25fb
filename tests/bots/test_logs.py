"""Secrets never reach the log: not as a value, not inside an address, not in a traceback."""

import io
import json
import logging
import sys

import pytest
import structlog

from bots.logs import configure_logging
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


def test_request_addresses_of_libraries_stay_quiet(captured):
    logging.getLogger("httpx").info("HTTP Request: POST https://api.telegram.org/bot…")
    assert captured.getvalue() == ""
