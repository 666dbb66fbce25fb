"""The result behind its secret link: what it shows in every state, to browsers, to previews, and how it is deleted."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from bots.requests import Progress, Stage
from bots.web import WebDoor, create_app
from bots.web.secret_links import PURPOSE, loggable, page_of
from bots.words import Words
from storage import ObjectStore, State, StorageError
from tests.bots.web.conftest import client_of, make_settings
from tests.bots.web.fakes import FakeStudio, make_job

PNG, JPEG = b"\x89PNG\r\n\x1a\n" + b"picture", b"\xff\xd8\xff" + b"photo"
KEYS = ("results/j/1.png", "results/j/1-original.jpg", "results/j/2.png", "results/j/2-original.jpg")
PUBLIC = "https://anime.example"
WORDS = Words.load()


@pytest.fixture
async def page(studio: FakeStudio, store: ObjectStore) -> str:
    """Path of the page of a delivered job with two pictures."""
    for key in KEYS:
        await store.put(key, PNG if key.endswith(".png") else JPEG, "image/png")
    await store.put("inputs/j/1", JPEG, "image/jpeg")
    delivered = {"state": State.DELIVERED, "results": KEYS, "inputs": ("inputs/j/1",), "found": 2}
    studio.jobs["j"] = make_job("j", updated_at=1_700_000_000.0, **delivered)
    return page_of("j", studio)


@pytest.fixture
def public(open_client: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return open_client(web_public_url=f"{PUBLIC}/")


def properties(text: str) -> dict[str, str]:
    return dict(re.findall(r'<meta (?:property|name)="((?:og|twitter):[\w:]+)" content="([^"]*)"', text))


async def test_it_shows_all_pictures_by_links_that_work(client: httpx.AsyncClient, page: str) -> None:
    answer = await client.get(page)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    links = [link.replace("&amp;", "&") for link in re.findall(r'(?:src|href)="(/objects/[^"]+)"', answer.text)]
    assert len(links) == 6
    for link in links:
        assert (await client.get(link)).content in {PNG, JPEG}
    downloads = [link for link in links if "filename=" in link]
    assert [re.findall(r"filename=([\w.-]+)", link) for link in downloads] == [["anime.png"], ["anime-2.png"]]
    assert "Here you are: 2 faces." in answer.text
    assert ">Copy</button>" in answer.text
    assert "It works until November 21, 2023." in answer.text  # a week later
    assert len(re.findall(r"<details>\s*<summary>Show the photo</summary>\s*<img", answer.text)) == 2
    assert not re.findall(r"<style|\sstyle=|\son\w+=|javascript:|http-equiv", answer.text)


async def test_it_says_which_photo_has_no_picture(client: httpx.AsyncClient, studio: FakeStudio, page: str) -> None:
    assert "Photo 3" not in (await client.get(page)).text
    studio.change("j", missed=("", "", "no_face"))
    assert f"Photo 3: {WORDS.failure('en', 'no_face')}" in html.unescape((await client.get(page)).text)


async def test_nobody_finds_it_by_chance_and_nobody_is_told_of_it(client: httpx.AsyncClient, page: str) -> None:
    for path in (page, f"{page}/1.png", "/s/nothing"):
        headers = (await client.get(path)).headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
    assert (await client.get(page)).headers["x-robots-tag"] == "noindex, nofollow"


async def test_a_preview_has_a_picture_at_an_absolute_address(public: httpx.AsyncClient, page: str) -> None:
    found = properties((await public.get(page)).text)
    assert found["og:title"] == WORDS.say("en", "page.og_title")
    assert found["og:description"]
    assert found["og:url"] == PUBLIC + page
    assert found["og:image"] == f"{PUBLIC}{page}/1.png"
    assert found["twitter:card"] == "summary"
    answer = await public.get(urlsplit(found["og:image"]).path)
    assert answer.status_code == 302
    assert answer.headers["cache-control"] == "no-store"
    assert (await public.get(answer.headers["location"])).content == PNG
    assert (await public.head(answer.headers["location"])).headers["content-type"] == "image/png"


@pytest.mark.parametrize("ending", ["", "/1.png"])
async def test_head_is_answered_as_get_without_a_body(client: httpx.AsyncClient, page: str, ending: str) -> None:
    get, head = await client.get(page + ending), await client.head(page + ending)
    assert head.status_code == get.status_code
    assert head.content == b""


@pytest.mark.parametrize("number", ["0", "3", "99999", "x"])
async def test_a_picture_that_is_not_there(client: httpx.AsyncClient, page: str, number: str) -> None:
    assert (await client.get(f"{page}/{number}.png")).status_code == 404


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(Stage.WAITING, 3, 7.4), "You are number 3 in the queue, about 7 s to go."),
        (Progress(Stage.WAITING, 3), "You are number 3 in the queue."),
        (Progress(Stage.PAINTING, eta=0.2), "Painting, about 1 s to go…"),
        (None, "Your photo has arrived."),
    ],
)
async def test_a_page_that_waits_says_where_it_stands_and_looks_again(
    client: httpx.AsyncClient, studio: FakeStudio, progress: Progress | None, words: str
) -> None:
    studio.jobs["j"] = make_job("j")
    if progress is not None:
        studio.progress["j"] = progress
    answer = await client.get(page_of("j", studio))
    assert answer.status_code == 200
    assert words in answer.text
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in answer.text
    assert '<main data-refresh="3">' in answer.text
    assert properties(answer.text) == {}


async def test_a_page_without_a_picture_says_why(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    studio.jobs["j"] = make_job("j", state=State.FAILED, code="no_face")
    for language in ("en", "ja"):
        answer = await client.get(page_of("j", studio), headers={"Accept-Language": language})
        assert answer.status_code == 200
        assert WORDS.failure(language, "no_face").replace("'", "&#39;") in answer.text
        assert f'<html lang="{language}">' in answer.text
        assert "refresh" not in answer.text
    studio.change("j", state=State.EXPIRED, code=None)
    assert WORDS.failure("en", "expired") in (await client.get(page_of("j", studio))).text


@pytest.mark.parametrize("state", [State.DELIVERED, State.CANCELLED])
async def test_a_page_whose_pictures_are_gone(client: httpx.AsyncClient, studio: FakeStudio, state: State) -> None:
    studio.jobs["j"] = make_job("j", state=state, inputs=(), results=())
    for language in ("en", "de"):
        answer = await client.get(page_of("j", studio), headers={"Accept-Language": language})
        assert answer.status_code == 404
        assert WORDS.say(language, "page.gone", result_days=7) in answer.text


def forgeries(studio: FakeStudio) -> list[str]:
    right = page_of("j", studio).removeprefix("/s/")
    flipped = right[:-1] + ("A" if right[-1] != "A" else "B")
    other = f"j.{studio.sign('another purpose', 'j')}"
    return ["j", "j.", f"j.{'A' * 16}", flipped, right + "x", right.replace("j.", "k."), other, "%00", "a" * 500]


async def test_a_forged_link_opens_and_deletes_nothing(
    client: httpx.AsyncClient, studio: FakeStudio, page: str
) -> None:
    never_made = (await client.get("/s/none.AAAAAAAAAAAAAAAA")).text
    for token in forgeries(studio):
        answer = await client.get(f"/s/{token}")
        assert (answer.status_code, answer.text) == (404, never_made), token
        assert (await client.get(f"/s/{token}/1.png")).status_code == 404
        assert (await client.post(f"/s/{token}/delete")).status_code == 404
    assert (await client.get(page)).status_code == 200


async def test_a_photo_sent_to_a_chat_has_no_page(client: httpx.AsyncClient, studio: FakeStudio, page: str) -> None:
    source = replace(studio.jobs["j"].source, platform="telegram")
    studio.change("j", source=source)
    assert (await client.get(page)).status_code == 404
    assert (await client.post(f"{page}/delete")).json()["pictures"] == 0
    assert studio.jobs["j"].results == KEYS


async def test_deleting_wipes_says_what_and_does_nothing_the_second_time(
    client: httpx.AsyncClient, studio: FakeStudio, store: ObjectStore, page: str
) -> None:
    answer = await client.post(f"{page}/delete")
    message = "Done. Deleted: 1 photo, 4 picture files."
    assert (answer.status_code, answer.json()) == (200, {"photos": 1, "pictures": 4, "message": message})
    assert await store.stale("", float("inf")) == []
    assert (await client.get(page)).status_code == 404
    again = await client.post(f"{page}/delete")
    assert (again.status_code, again.json()["photos"], again.json()["pictures"]) == (200, 0, 0)
    del studio.jobs["j"]  # long after
    assert (await client.post(f"{page}/delete")).json() == again.json()


async def test_a_form_is_answered_by_a_page(client: httpx.AsyncClient, page: str) -> None:
    # As browsers send it from a page without referrers.
    headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Accept-Language": "de"}
    answer = await client.post(f"{page}/delete", headers=headers)
    assert answer.status_code == 200
    assert "Gelöscht: 1 Foto, 4 Bilddateien" in answer.text
    assert "<form" not in answer.text
    # The languages at its foot lead to what can be read: at its own address something is only ever deleted.
    forged = await client.post("/s/j.AAAAAAAAAAAAAAAA/delete", headers=headers)
    for left in (answer, forged):
        there = urljoin(str(left.url), re.findall(r'href="([^"]*\?language=ja)"', left.text)[0])
        assert '<html lang="ja">' in (await client.get(there, follow_redirects=True)).text


async def test_looking_never_deletes(client: httpx.AsyncClient, studio: FakeStudio, page: str) -> None:
    assert (await client.get(f"{page}/delete")).status_code == 405
    assert (await client.head(f"{page}/delete")).status_code == 405
    assert studio.jobs["j"].results == KEYS


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_other_sites_delete_nothing(
    client: httpx.AsyncClient, studio: FakeStudio, page: str, headers: dict[str, str]
) -> None:
    answer = await client.post(f"{page}/delete", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert studio.jobs["j"].results == KEYS


async def test_a_store_that_does_not_answer_is_said_and_the_link_stays_out_of_the_log(
    studio: FakeStudio, store: ObjectStore, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(job_id: str, person: str) -> None:
        raise StorageError("unreachable", "no answer from the store")

    monkeypatch.setattr(studio, "discard", fail)
    async with client_of(create_app(make_settings(), studio, store, CollectorRegistry(), WebDoor())) as client:
        with capture_logs() as logged:
            answer = await client.post(f"{page}/delete")
    assert (answer.status_code, answer.json()["code"]) == (503, "unexpected")
    assert "retry-after" in answer.headers
    assert "store" not in answer.text
    assert logged[0]["path"] == "/s/j.•••/delete"
    assert studio.sign(PURPOSE, "j") not in repr(logged)


def test_a_path_without_a_secret_is_logged_as_it_is() -> None:
    assert loggable("/api/selfies/j") == "/api/selfies/j"
    assert loggable("/s/j.secret") == loggable("/s/j.other") == "/s/j.•••"


async def test_metrics_hold_no_link(client: httpx.AsyncClient, page: str) -> None:
    await client.get(page)
    text = (await client.get("/metrics")).text
    assert 'route="/s/{token}"' in text
    assert page not in text
