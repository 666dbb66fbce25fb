"""Shared by all rooms: no test reads the settings of the machine it runs on; queues and a browser for those who ask."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest

from config import Settings

if TYPE_CHECKING:
    from storage.sqs import Queues
    from tests.fakes.sqs import SqsServer


@pytest.fixture(autouse=True)
def _clean_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    monkeypatch.setitem(Settings.model_config, "toml_file", None)


@pytest.fixture
def chromium() -> str:
    """Where the browser is."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        assert "CI" not in os.environ, "CI has no Chromium: .ci/run installs it"
        pytest.skip("no Chromium or Chrome on this machine")
    return found


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> "Iterator[SqsServer]":
    """SQS without a queue, where this process finds it."""
    from tests.fakes.sqs import sqs_server  # slow to import

    monkeypatch.setattr("storage.sqs.LONG_POLL", 1)  # the server ends no sooner than its last answer
    with sqs_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
async def queues(sqs: "SqsServer") -> "AsyncIterator[Queues]":
    """Those of sqs://selfies."""
    from storage.sqs import open_queues
    from storage.sqs_provision import provision_queues

    async for _ in provision_queues("sqs://selfies", deadline=1_800):
        pass
    async with open_queues("sqs://selfies") as opened:
        yield opened
