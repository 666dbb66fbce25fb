"""Uploads that do not arrive."""

import asyncio
import gc

import pytest
from fastapi import Request
from starlette.types import Message

from bots.web.problems import Problem
from bots.web.upload import receive

# More than what is kept in memory, so that a temporary file is open when the upload ends early.
BEGINNING = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n' + b"x" * 2_000_000


def upload(then: Message | None) -> Request:
    """The beginning of an upload, then that message, or silence."""
    messages: list[Message] = [{"type": "http.request", "body": BEGINNING, "more_body": True}]
    if then:
        messages.append(then)

    async def next_message() -> Message:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/selfies",
        "headers": [(b"content-type", b"multipart/form-data; boundary=b")],
    }
    return Request(scope, next_message)


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (None, (408, "too_slow")),
        ({"type": "http.disconnect"}, (400, "bad_request")),
        ({"type": "http.request", "body": b"x" * 2_000_000, "more_body": True}, (413, "photo_too_large")),
        ({"type": "http.request", "body": b"", "more_body": False}, (400, "bad_request")),
    ],
)
async def test_an_upload_that_ends_early_leaves_no_file_open(then: Message | None, expected: tuple[int, str]) -> None:
    with pytest.raises(Problem) as refused:
        async with receive(upload(then), limit=3_000_000, patience=0.2):
            pass
    assert (refused.value.status, refused.value.code) == expected
    gc.collect()  # a file left open would warn here, and warnings are errors
