"""The API of the running service, asked whatever its own description allows, and what that forbids."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck
from schemathesis.checks import CHECKS, load_all_checks

from tests.service import ROOT, Service

EXAMPLES = 100  # of each operation; the same ones every time
BEYOND_A_SCHEMA = "positive_data_acceptance"  # that bytes are a photo and a region is inside it
NO_LIMITS = {f"LIMITS_{name}": "1000000" for name in ("ADDRESS", "MINUTE", "HOUR", "WAITING", "QUEUE")}
OPERATIONS = {
    ("post", "/api/selfies"),
    ("post", "/api/selfies/{job_id}/again"),
    ("get", "/api/selfies/{job_id}"),
    ("post", "/api/selfies/{job_id}/cancel"),
    ("get", "/api/selfies/{job_id}/beside/{number}"),
    ("post", "/api/forgetme"),  # the last one: it leaves nothing to ask for
}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    network = {"NETWORK": "tests.inference.networks:Invert"}
    async with Service(tmp_path, module="tests.crashing", **network, **NO_LIMITS) as running:
        await running.said("Ready to paint.")
        yield running


async def test_the_api_is_as_it_describes_itself(service: Service) -> None:
    await asyncio.to_thread(fuzz, service.address)
    assert '"level": "error"' not in service.output
    assert "Traceback" not in service.output


def fuzz(address: str) -> None:
    load_all_checks()
    schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json")
    asked = set()
    with requests.Session() as visitor:  # its cookie makes it the one who sent the photo
        painted = send_photo(visitor, address)
        for result in schema.get_all_operations():
            operation = result.ok()
            asked.add((operation.method, operation.path))
            for job in (None, painted):  # any, and one that is there
                ask(operation, visitor, address, job)
    assert asked == OPERATIONS


def send_photo(visitor: requests.Session, address: str) -> str:
    """Returns the id of a job that is painted."""
    photo = (ROOT / "docs" / "astronaut.png").read_bytes()
    sent = visitor.post(f"{address}/api/selfies", files={"photo": photo}, timeout=30)
    assert sent.status_code == 202, sent.text
    job = sent.json()["id"]
    for _ in range(600):
        if visitor.get(f"{address}/api/selfies/{job}", timeout=30).json()["pictures"]:
            return job
        time.sleep(0.1)
    raise AssertionError("the photo was not painted within a minute")


def ask(operation: Any, visitor: requests.Session, address: str, job: str | None) -> None:
    """Ask for one operation again and again; what comes back has to be what is described, and never a 500."""
    excluded = [CHECKS.get_one(BEYOND_A_SCHEMA)] if operation.path == "/api/selfies" else []

    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    @hypothesis.given(case=operation.as_strategy())
    def once(case: Any) -> None:
        if job and "job_id" in case.path_parameters:
            case.path_parameters["job_id"] = job
        case.call_and_validate(base_url=address, session=visitor, excluded_checks=excluded)

    once()
