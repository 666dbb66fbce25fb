"""Signed links to files."""

import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from storage import ObjectStore

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"


@pytest.fixture
async def link(store: ObjectStore) -> str:
    await store.put("results/a/1.png", PNG, "image/png")
    return await store.link("results/a/1.png", 600)


async def test_a_signed_link_shows_the_picture(client: httpx.AsyncClient, link: str) -> None:
    answer = await client.get(link)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == "inline"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"].startswith("private, max-age=")
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize("change", [("signature=", "signature=0"), ("/1.png", "/2.png"), ("expires=", "expires=9")])
async def test_a_changed_link_does_not(client: httpx.AsyncClient, link: str, change: tuple[str, str]) -> None:
    answer = await client.get(link.replace(*change))
    assert (answer.status_code, answer.json()["code"]) == (403, "link_wrong")


@pytest.mark.parametrize("query", ["", "?expires=soon&signature=a", "?expires=99999999999"])
async def test_no_signature(client: httpx.AsyncClient, link: str, query: str) -> None:
    assert (await client.get("/objects/results/a/1.png" + query)).status_code == 403


async def test_an_old_link_has_expired(client: httpx.AsyncClient, link: str) -> None:
    expires = parse_qs(urlsplit(link).query)["expires"][0]
    answer = await client.get(link.replace(expires, str(int(time.time()) - 1)))
    assert (answer.status_code, answer.json()["code"]) == (410, "link_expired")


async def test_a_deleted_picture_is_gone(client: httpx.AsyncClient, link: str, store: ObjectStore) -> None:
    await store.delete(["results/a/1.png"])
    assert (await client.get(link)).status_code == 410


async def test_a_harmful_filename_is_ignored(client: httpx.AsyncClient, link: str) -> None:
    answer = await client.get(link + '&filename=a".html')
    assert answer.headers["content-disposition"] == "inline"


async def test_what_is_no_picture_is_never_shown(client: httpx.AsyncClient, store: ObjectStore) -> None:
    await store.put("results/x", b"<script>alert(1)</script>", "text/html")
    answer = await client.get(await store.link("results/x", 600))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
