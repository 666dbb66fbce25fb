"""The page, its safety headers, health and metrics."""

import re
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

import bots.web
from bots.web import WebDoor, create_app
from bots.web.secret_links import page_of
from bots.web.wording import Wording
from bots.words import Words
from storage import ObjectStore, State, StorageError
from tests.bots.web.conftest import client_of, make_settings
from tests.bots.web.fakes import FakeStudio, make_job

STATIC = Path(bots.web.__file__).parent / "static"
TEMPLATES = Path(bots.web.__file__).parent / "templates"


class RemoteStore:
    """Like S3: its links lead elsewhere, and nothing of it is served here."""

    origin = "https://s3.example"

    async def get(self, key: str) -> bytes:
        return b""

    async def link(self, key: str, ttl: int, filename: str | None = None) -> str:
        return f"{self.origin}/{key}"

    async def check(self) -> None:
        raise StorageError("bucket_missing", "The bucket b is missing: create it.")


async def test_the_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "visitor=" in answer.headers["set-cookie"]
    assert Words.load().say("en", "page.drop") in answer.text
    assert "within 1 h" in answer.text
    assert "{" not in re.sub(r'data-words="[^"]*"', "", answer.text)


async def test_an_address_is_asked_for_only_where_mails_are_sent(
    client: httpx.AsyncClient, studio: FakeStudio, store: ObjectStore
) -> None:
    assert 'type="email"' not in (await client.get("/")).text
    app = create_app(make_settings(), studio, store, CollectorRegistry(), WebDoor(), object())
    async with client_of(app) as mailing:
        assert 'type="email"' in (await mailing.get("/")).text


@pytest.mark.parametrize(("language", "number"), [("en", "264,675"), ("de", "264.675")])
async def test_how_many_were_painted(client: httpx.AsyncClient, studio: FakeStudio, language: str, number: str) -> None:
    shown = f'<p class="quiet">{Words.load().say(language, "page.painted", number=number)}</p>'
    headers = {"Accept-Language": language}
    assert shown.split(number)[0] not in (await client.get("/", headers=headers)).text
    studio.pictures = 264_675
    assert shown in (await client.get("/", headers=headers)).text


async def test_the_page_is_there_without_its_number(
    client: httpx.AsyncClient, studio: FakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def locked() -> int:
        raise StorageError("database_locked", "The database is locked.")

    monkeypatch.setattr(studio, "painted", locked)
    assert (await client.get("/")).status_code == 200


async def test_nothing_inline_and_nothing_foreign(client: httpx.AsyncClient) -> None:
    text = (await client.get("/")).text
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|https?://", text) == []
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


async def test_every_file_that_the_page_names_is_there(client: httpx.AsyncClient) -> None:
    names = set(re.findall(r'"(/static/[^"]+)"', (await client.get("/")).text))
    assert len(names) >= 4
    for name in names:
        answer = await client.get(name)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"


def test_every_word_that_the_page_uses_exists() -> None:
    known = Wording(Words.load(), make_settings()).page("en")
    script = "".join(script.read_text() for script in STATIC.glob("*.js"))
    templates = "".join(template.read_text() for template in TEMPLATES.iterdir())
    used = set(re.findall(r"\bwords\.(\w+)", templates + script)) | set(re.findall(r'say\("(\w+)"', script))
    assert len(used) > 30
    assert not used & set(dir(dict)), "templates would find the method, not the word"
    assert used - set(known) == set()


async def test_headers_of_every_answer(client: httpx.AsyncClient) -> None:
    for path in ("/", "/static/app.js", "/api/selfies/none", "/healthz", "/nothing"):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        for rule in ("default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
            assert rule in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "geolocation=()" in headers["permissions-policy"]


async def test_pictures_of_a_remote_store_are_allowed_and_not_served_here(studio: FakeStudio) -> None:
    app = create_app(make_settings(), studio, RemoteStore(), CollectorRegistry(), WebDoor())
    async with client_of(app) as client:
        assert "img-src 'self' blob: https://s3.example;" in (await client.get("/")).headers["content-security-policy"]
        assert (await client.get("/objects/a?expires=99999999999&signature=a")).status_code == 404


async def test_healthy_and_ready(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).json() == {"ready": True, "reasons": []}
    studio.ready = False
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["engine: warming up"])
    assert (await client.head("/healthz")).status_code == 200


async def test_not_ready_without_storage(studio: FakeStudio) -> None:
    studio.ready = False
    async with client_of(create_app(make_settings(), studio, RemoteStore(), CollectorRegistry(), WebDoor())) as client:
        answer = await client.get("/readyz")
    assert answer.json()["reasons"] == ["storage: bucket_missing"]
    assert "The bucket" not in answer.text


async def test_metrics_count_by_route_not_by_path(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    studio.jobs["j"] = make_job("j")
    for path in ("/api/selfies/j", "/api/selfies/none", "/nothing"):
        await client.get(path)
    text = (await client.get("/metrics")).text
    name = 'selfie2anime_http_requests_total{method="GET",route="%s",status="%d"} 1.0'
    assert name % ("/api/selfies/{job_id}", 200) in text
    assert name % ("/api/selfies/{job_id}", 404) in text
    assert name % ("none", 404) in text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de-CH;q=0.5, xx", "de"),
        ("en;q=0.1, pt-BR", "pt"),
        ("zh-Hans-CN, en;q=0.5", "zh"),
        ("ja", "ja"),
        ("fr, ru;q=0.2", "ru"),
        ("de;q=0, en", "en"),
        ("de;q=x", "en"),
    ],
)
async def test_languages(client: httpx.AsyncClient, header: str, language: str) -> None:
    words = Words.load()
    page = await client.get("/", headers={"Accept-Language": header})
    assert f'<html lang="{language}">' in page.text
    assert words.say(language, "page.drop") in page.text
    refused = await client.get("/api/selfies/none", headers={"Accept-Language": header})
    assert refused.json()["detail"] == words.say(language, "page.problem.not_found")
    for answer in (page, refused):
        assert answer.headers["vary"] == "Accept-Language, Cookie"
        assert answer.headers["content-language"] == language


async def test_a_language_is_chosen_and_kept(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    studio.jobs["j"] = make_job("j")
    result = page_of("j", studio)
    german = {"Accept-Language": "de"}
    await client.get("/")
    for path in ("/", result):
        answer = await client.get(f"{path}?language=ja", headers=german)
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert '<html lang="ja">' in (await client.get(path, headers=german)).text
        client.cookies.delete("language")
        assert '<html lang="de">' in (await client.get(path, headers=german)).text
    assert (await client.get("/?language=tlh", headers=german)).status_code == 200
    client.cookies.set("language", "tlh")
    assert '<html lang="de">' in (await client.get("/", headers=german)).text


async def test_a_language_is_chosen_without_cookies(client: httpx.AsyncClient, studio: FakeStudio) -> None:
    studio.jobs["j"] = make_job("j")
    for path in ("/", page_of("j", studio)):
        client.cookies.clear()
        answer = await client.get(f"{path}?language=ja")
        assert answer.status_code == 200
        assert '<html lang="ja">' in answer.text
        assert client.cookies["language"] == "ja"  # for who keeps them, from now on


async def test_every_language_can_be_chosen(client: httpx.AsyncClient) -> None:
    text = (await client.get("/")).text
    for code in Words.load().languages:
        assert f'href="?language={code}"' in text
        assert Words.load().say(code, "personal.language_name") in text


async def test_why_there_is_no_picture_is_said_to_each_visitor_in_their_language(
    client: httpx.AsyncClient, studio: FakeStudio
) -> None:
    studio.jobs["j"] = make_job("j", state=State.FAILED, code="no_face")
    for language in ("ru", "en"):
        answer = await client.get("/api/selfies/j", headers={"Accept-Language": language})
        assert answer.json()["message"] == Words.load().failure(language, "no_face")
        assert answer.headers["vary"] == "Accept-Language, Cookie"


async def test_the_api_describes_itself(client: httpx.AsyncClient) -> None:
    description = (await client.get("/api/openapi.json")).json()
    of_one = {f"/api/selfies/{{job_id}}{ending}" for ending in ("", "/again", "/beside/{number}", "/cancel")}
    assert set(description["paths"]) == {"/api/selfies", "/api/forgetme"} | of_one
    assert "429" in description["paths"]["/api/selfies"]["post"]["responses"]
