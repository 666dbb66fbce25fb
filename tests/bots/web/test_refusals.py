"""What is refused, with which status, as problem details."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs

from bots.requests import Refused
from bots.web.limits import SlidingWindow
from bots.words import Words
from tests.bots.web.fakes import FakeStudio, make_job

PHOTO = b"\xff\xd8\xff" + b"x" * 1_000


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code, once the answer is what RFC 9457 asks for."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(body) == {"type", "title", "status", "detail", "code"}
    assert body["status"] == answer.status_code
    assert body["detail"]
    assert "{" not in body["detail"]
    return answer.status_code, body["code"]


async def send(client: httpx.AsyncClient, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
    return await client.post("/api/selfies", files={"photo": ("a", PHOTO)}, data=fields, headers=headers or {})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"faces": "none"}, "bad_faces"),
        ({"crop": "huge"}, "bad_crop"),
        ({"whole": "maybe"}, "bad_whole"),
        ({"direction": "back"}, "bad_direction"),
        ({"region": "0,0,1"}, "bad_region"),
        ({"region": "0.5,0.5,0.6,0.5"}, "bad_region"),
        ({"region": "0,0,nan,1"}, "bad_region"),
        ({"region": "0,0,inf,1"}, "bad_region"),
        ({"region": "-0.1,0,0.5,0.5"}, "bad_region"),
        ({"region": "0,0,0,0"}, "bad_region"),
        ({"region": "a,b,c,d"}, "bad_region"),
        ({"email": "ann@example.org"}, "no_mail"),
    ],
)
async def test_wrong_choices(client: httpx.AsyncClient, studio: FakeStudio, fields: dict[str, str], code: str) -> None:
    assert problem(await send(client, **fields)) == (422, code)
    assert studio.requests == []


@pytest.mark.parametrize("photo", [(None, "text"), ("empty.jpg", b"")])
async def test_no_photo(client: httpx.AsyncClient, photo: tuple[str | None, str | bytes]) -> None:
    answer = await client.post("/api/selfies", files={"photo": photo})
    assert problem(answer) == (422, "photo_missing")


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b"{}", (415, "not_multipart")),
        ("image/jpeg", PHOTO, (415, "not_multipart")),
        ("multipart/form-data", b"x", (400, "bad_request")),
        ("multipart/form-data; boundary=b", b"no boundary in here", (400, "bad_request")),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
            (400, "bad_request"),
        ),
    ],
)
async def test_broken_bodies(
    client: httpx.AsyncClient, content_type: str, body: bytes, expected: tuple[int, str]
) -> None:
    answer = await client.post("/api/selfies", content=body, headers={"Content-Type": content_type})
    assert problem(answer) == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1_000] * 11, (413, "too_much")),
        ([90_000] * 4, (413, "too_much")),
        ([1_000, 100_001], (413, "photo_too_large")),
        ([1_000, 0], (422, "photo_missing")),
    ],
    ids=["more than ten", "too large together", "one too large", "an empty one"],
)
async def test_albums_that_are_not_taken(
    client: httpx.AsyncClient, studio: FakeStudio, sizes: list[int], expected: tuple[int, str]
) -> None:
    answer = await client.post("/api/selfies", files=[("photo", ("a", b"x" * size)) for size in sizes])
    assert problem(answer) == expected
    assert studio.requests == []


async def test_a_declared_size_is_refused_before_a_byte_is_read(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": "20000000"}
    answer = await client.post("/api/selfies", content=body(), headers=headers)
    assert problem(answer) == (413, "too_much")


async def test_an_undeclared_size_is_counted(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    given = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal given
        yield b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        for _ in range(1_000):
            given += 10_000
            yield b"x" * 10_000

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await client.post("/api/selfies", content=body(), headers=headers)
    assert problem(answer) == (413, "photo_too_large")
    assert given <= 130_000  # the limit of these tests is 100,000
    assert studio.requests == []


async def test_a_photo_just_over_the_limit(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    answer = await client.post("/api/selfies", files={"photo": ("a", b"x" * 100_001)})
    assert problem(answer) == (413, "photo_too_large")
    answer = await client.post("/api/selfies", files={"photo": ("a", b"x" * 100_000)})
    assert answer.status_code == 202


async def test_long_fields(client: httpx.AsyncClient) -> None:
    assert problem(await send(client, crop="x" * 5_000)) == (400, "bad_request")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("blocked", 403),
        ("photo_too_large", 413),
        ("over_quota", 429),
        ("waiting_quota", 429),
        ("queue_full", 503),
        ("stopping", 503),
    ],
)
async def test_refusals_of_the_studio(client: httpx.AsyncClient, studio: FakeStudio, code: str, status: int) -> None:
    studio.refusal = Refused(code, "secret detail")
    answer = await send(client)
    assert problem(answer) == (status, code)
    assert ("retry-after" in answer.headers) is (status in {429, 503})
    assert "secret" not in answer.text


async def test_a_photo_that_is_wiped_is_told_in_the_words_of_every_door(
    client: httpx.AsyncClient, studio: FakeStudio
) -> None:
    studio.refusal = Refused("photo_gone", "wiped")
    for language in ("en", "ja"):
        answer = await send(client, {"Accept-Language": language})
        assert problem(answer) == (410, "photo_gone")
        assert answer.json()["detail"] == Words.load().say(language, "press.photo_gone")


async def test_retry_after_is_the_studios_time(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    studio.refusal = Refused("over_quota", "", retry_at=time.time() + 40)
    assert 38 <= int((await send(client)).headers["retry-after"]) <= 40


async def test_an_address_sends_so_many_and_no_more(open_client) -> None:
    client = open_client(limits_address=2)
    assert [(await send(client)).status_code for _ in range(2)] == [202, 202]
    answer = await send(client)
    assert problem(answer) == (429, "address_quota")
    assert 290 <= int(answer.headers["retry-after"]) <= 300


def test_the_window_slides_and_forgets() -> None:
    now = 0.0
    window = SlidingWindow(2, 10, clock=lambda: now)
    assert window.take("a") == 0
    now = 4.0
    assert window.take("a") == 0
    assert window.take("a") == 6
    assert window.take("b") == 0
    now = 10.0
    assert window.take("a") == 0
    now = 30.0
    assert window.take("c") == 0
    assert len(window) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8081"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize("path", ["/api/selfies", "/api/selfies/j/cancel"])
async def test_other_sites_send_nothing(
    client: httpx.AsyncClient, studio: FakeStudio, headers: dict[str, str], path: str
) -> None:
    studio.jobs["j"] = make_job("j")
    assert problem(await client.post(path, files={"photo": ("a", PHOTO)}, headers=headers)) == (403, "foreign_origin")
    assert studio.requests == []


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8080", "https://127.0.0.1:8080", "https://anime.example"])
async def test_our_own_page_sends(open_client, origin: str) -> None:
    client = open_client(web_public_url="https://anime.example/")
    assert (await send(client, {"Origin": origin, "Sec-Fetch-Site": "same-origin"})).status_code == 202


@pytest.mark.parametrize("key", ["1", "x" * 201, "with spaces in the key"])
async def test_weak_idempotency_keys(client: httpx.AsyncClient, key: str) -> None:
    assert problem(await send(client, {"Idempotency-Key": key})) == (422, "bad_key")


async def test_the_unexpected_shows_only_a_reference(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    studio.refusal = RuntimeError("/secret/path token")
    with capture_logs() as logged:
        answer = await send(client)
    assert problem(answer) == (500, "unexpected")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    reference = answer.json()["detail"].split("Reference ")[1].rstrip(".)")
    assert [(entry["reference"], entry["exc_info"]) for entry in logged] == [(reference, studio.refusal)]


async def test_a_refusal_without_words_of_its_own_has_a_reference(
    client: httpx.AsyncClient, studio: FakeStudio
) -> None:
    studio.refusal = Refused("unexpected", "disk full at /secret")
    with capture_logs() as logged:
        answer = await send(client)
    assert problem(answer) == (503, "unexpected")
    assert logged[0]["reference"] in answer.json()["detail"]
    assert "disk full" in logged[0]["reason"]
    assert "secret" not in answer.text


async def test_unknown_addresses_and_methods(client: httpx.AsyncClient) -> None:
    assert problem(await client.get("/nothing")) == (404, "not_found")
    assert problem(await client.delete("/api/selfies/j")) == (405, "method_not_allowed")
