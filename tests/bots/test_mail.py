"""E-mailed links, from the form to a mail server: what arrives, what is tried again, and what is known afterwards."""

import asyncio
import io
import logging
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import structlog
from pydantic import SecretStr

from bots.letter import Letters
from bots.logs import configure_logging
from bots.mail import DAILY, Mailroom
from bots.metrics import Metrics
from bots.postman import GIVES_UP_AFTER, LONGEST_PAUSE, Postman
from bots.smtp import Account
from bots.studio import Studio
from bots.web import WebDoor, create_app
from bots.web.secret_links import page_of
from bots.words import Words
from config import Settings
from inference.errors import NoFace
from storage import Database, State
from storage.addresses import DIGEST_SECRET
from tests.bots.studio_parts import SteeredPipeline, ended, settings_in, studio_in
from tests.bots.web.conftest import client_of
from tests.fakes.smtp import FakeMailServer, mail_server

ANN = "ann@example.org"
PUBLIC = "https://anime.example"
WORDS = Words.load()


@pytest.fixture
async def smtp() -> AsyncIterator[FakeMailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, smtp: FakeMailServer) -> Settings:
    return settings_in(
        tmp_path,
        mail_url=smtp.url,
        mail_from="Selfie2Anime <bot@anime.example>",
        web_public_url=PUBLIC,
        limits_waiting=99,
        limits_minute=99,
        limits_hour=99,
    )


@dataclass
class Service:
    client: httpx.AsyncClient
    studio: Studio
    database: Database
    postman: Postman
    metrics: Metrics
    now: float

    async def send(self, email: str = ANN, **headers: str) -> httpx.Response:
        fields, photo = {"email": email}, {"photo": ("a", b"photo")}
        return await self.client.post("/api/selfies", files=photo, data=fields, headers=headers)

    async def painted(self, email: str = ANN, **headers: str) -> str:
        """Send a photo that is painted; returns its job."""
        answer = await self.send(email, **headers)
        assert answer.status_code == 202, answer.text
        await ended(self.database, answer.json()["id"])
        return answer.json()["id"]

    async def deliver(self) -> None:
        """One look of the postman, until all that it began is done."""
        await self.postman.round()
        await self.postman.settled()

    async def addresses(self) -> list[str]:
        rows = await self.database.mails._sql.query("SELECT address FROM mails WHERE address != ''")
        return [row["address"] for row in rows]

    def count(self, what: str) -> float:
        return self.metrics.registry.get_sample_value(f"selfie2anime_mails_{what}_total") or 0.0


@asynccontextmanager
async def service(settings: Settings, pipeline: SteeredPipeline) -> AsyncIterator[Service]:
    metrics = Metrics()
    async with studio_in(settings, pipeline, None, metrics=metrics) as (studio, database, store):
        studio.open_door(WebDoor())
        assert settings.mail_url is not None
        account = Account.from_url(settings.mail_url.get_secret_value(), "anime.example")
        letters = Letters(settings, WORDS, lambda job_id: PUBLIC + page_of(job_id, studio), studio.sign)

        def clock() -> float:
            return running.now

        postman = Postman(
            database.mails, database.jobs, account, letters, metrics, clock=clock, jitter=lambda: 0.0
        )  # not entered: the test says when it looks
        mailroom = Mailroom(database.mails, await database.secret(DIGEST_SECRET), clock=clock)
        app = create_app(settings, studio, store, metrics.registry, WebDoor(), mailroom)
        async with client_of(app) as client:
            running = Service(client, studio, database, postman, metrics, studio._clock() + 1)
            yield running


def texts(message) -> tuple[str, str]:
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    return plain.get_content(), html.get_content()


async def test_a_mail_arrives_once_with_a_link_that_works(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer
) -> None:
    async with service(settings, pipeline) as running:
        job = await running.painted()
        assert await running.addresses() == [ANN]
        for _ in range(2):
            await running.deliver()
        [mail] = smtp.received
        assert smtp.recipients == [ANN]
        assert (mail["From"], mail["To"]) == ("Selfie2Anime <bot@anime.example>", ANN)
        assert mail["Subject"] == WORDS.say("en", "mail.subject")
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Date"]
        assert re.fullmatch(r"<[\w-]{16}@anime\.example>", mail["Message-ID"])
        assert job not in mail["Message-ID"]
        for text in texts(mail):
            [link] = set(re.findall(rf"{PUBLIC}/s/[\w.-]+", text))
            assert "It works until" not in text
            assert "The link works until" in text
            answer = await running.client.get(link.removeprefix(PUBLIC))
            assert answer.status_code == 200
            assert "og:image" in answer.text
        assert await running.addresses() == []
        assert (running.count("sent"), running.count("retried"), running.count("given_up")) == (1, 0, 0)


@pytest.mark.parametrize("language", WORDS.languages)
async def test_it_is_written_in_the_visitors_language(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer, language: str
) -> None:
    async with service(settings, pipeline) as running:
        await running.painted(**{"Accept-Language": language})
        await running.deliver()
    [mail] = smtp.received
    assert mail["Subject"] == WORDS.say(language, "mail.subject")
    assert mail["Content-Language"] == language
    plain, html = texts(mail)
    assert WORDS.say(language, "mail.ready") in plain
    assert f'<html lang="{language}">' in html
    assert WORDS.say(language, "mail.button") in html


async def test_a_failure_says_why(settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer) -> None:
    async def faceless(photo: bytes) -> None:
        raise NoFace("nothing found")

    pipeline.act = faceless
    async with service(settings, pipeline) as running:
        await running.painted()
        await running.deliver()
    [mail] = smtp.received
    assert mail["Subject"] == WORDS.say("en", "mail.subject_failed")
    plain, _ = texts(mail)
    assert WORDS.failure("en", "no_face") in plain
    assert "/s/" not in plain


async def test_a_mail_server_that_is_down_delays_it(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer
) -> None:
    async with service(settings, pipeline) as running:
        await smtp.down()
        await running.painted()
        await running.deliver()
        running.now += 59
        await running.deliver()
        assert running.count("retried") == 1  # not before a minute has passed
        await smtp.up()
        running.now += 1
        await running.deliver()
        assert len(smtp.received) == 1
        assert await running.addresses() == []


async def test_pauses_grow_to_an_hour_and_end_after_a_day(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer
) -> None:
    async with service(settings, pipeline) as running:
        smtp.answers[ANN] = "451 4.7.1 try again later"
        job = await running.painted()
        began, pauses = running.now, []
        while await running.addresses():
            await running.deliver()
            rows = await running.database.mails._sql.query("SELECT due FROM mails WHERE job = ?", (job,))
            pauses.append(rows[0]["due"] - running.now)
            running.now = max(running.now, rows[0]["due"])
        assert pauses[:7] == pytest.approx([60, 120, 240, 480, 960, 1920, LONGEST_PAUSE])
        assert GIVES_UP_AFTER - LONGEST_PAUSE <= running.now - began <= GIVES_UP_AFTER
        assert running.count("given_up") == 1
        assert smtp.received == []


@pytest.mark.parametrize("answer", ["550 5.1.1 no such user", "553 bad"])
async def test_a_refused_address_is_given_up_and_others_are_served(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer, answer: str
) -> None:
    smtp.answers[ANN] = answer
    async with service(settings, pipeline) as running:
        for email in (ANN, "bob@example.org"):
            await running.painted(email)
        await running.deliver()
        assert smtp.recipients == ["bob@example.org"]
        assert await running.addresses() == []
        assert (running.count("sent"), running.count("retried"), running.count("given_up")) == (1, 0, 1)


@pytest.mark.parametrize(
    ("answer", "counted"), [("554 5.7.1 looks like spam", "given_up"), ("452 4.3.1 disk full", "retried")]
)
async def test_a_refused_message(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer, answer: str, counted: str
) -> None:
    smtp.data_answers = [answer]
    async with service(settings, pipeline) as running:
        await running.painted()
        await running.deliver()
        assert running.count(counted) == 1
        assert (await running.addresses() == []) is (counted == "given_up")


async def test_a_connection_that_breaks_repeats_the_same_mail(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer
) -> None:
    smtp.dropping = 1
    async with service(settings, pipeline) as running:
        job = await running.painted()
        await running.deliver()
        running.now += 60
        await running.deliver()
        [mail] = smtp.received
        stored = await running.database.jobs.get(job)
        assert stored is not None
        assert mail["Message-ID"] == running.postman._letters.message_id(stored)  # of the first attempt, too


async def test_an_address_that_its_server_dawdles_over_keeps_nobody_waiting(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer
) -> None:
    smtp.hanging.add(ANN)
    async with service(settings, pipeline) as running:
        await running.painted()
        await running.postman.round()
        await smtp.until_tried(1)
        await running.painted("bob@example.org")
        await running.postman.round()
        await smtp.until(1)
        assert smtp.recipients == ["bob@example.org"]
        assert smtp.tried.count(ANN) == 1  # what is under way is not begun again
        await smtp.down()
        await running.postman.settled()
        assert running.count("retried") == 1


async def test_what_was_accepted_before_a_restart_is_mailed_after_it(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer
) -> None:
    async def never(photo: bytes) -> None:
        await asyncio.Event().wait()

    pipeline.act = never
    async with service(settings, pipeline) as running:
        answer = await running.send()
        await running.deliver()
        assert smtp.received == []
    pipeline.act = None
    async with service(settings, pipeline) as running:
        await ended(running.database, answer.json()["id"])
        await running.deliver()
        assert len(smtp.received) == 1


async def test_the_same_request_again_is_one_mail(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer
) -> None:
    async with service(settings, pipeline) as running:
        for _ in range(2):
            await running.painted(**{"Idempotency-Key": "k" * 20})
            await running.deliver()
    assert len(smtp.received) == 1


async def test_what_was_taken_back_or_deleted_is_not_mailed(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer
) -> None:
    async with service(settings, pipeline) as running:
        job = await running.painted()
        await running.client.post(f"{page_of(job, running.studio)}/delete")
        assert await running.addresses() == []
        await running.deliver()
    assert smtp.tried == []


async def test_an_address_gets_so_many_mails_a_day(settings: Settings, pipeline: SteeredPipeline) -> None:
    async with service(settings, pipeline) as running:
        answers = await asyncio.gather(*(running.send() for _ in range(DAILY + 3)))
        assert sorted(answer.status_code for answer in answers) == [202] * DAILY + [429] * 3
        refused = await running.send("ANN@example.org")
        assert (refused.status_code, refused.json()["code"]) == (429, "mail_quota")
        assert 3_600 < int(refused.headers["retry-after"]) <= 86_500
        assert (await running.send("bob@example.org")).status_code == 202
        assert (await running.send("")).status_code == 202
        running.now += 86_401
        assert (await running.send()).status_code == 202


@pytest.mark.parametrize("email", ["ann", "ann@example.org\r\nBcc: bob@example.org", "Ann <ann@example.org>"])
async def test_what_is_no_address_is_refused(settings: Settings, pipeline: SteeredPipeline, email: str) -> None:
    async with service(settings, pipeline) as running:
        answer = await running.send(email)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_email")
        assert await running.database.jobs.counts() == dict.fromkeys(State, 0)


async def test_an_address_stands_in_no_log_and_in_no_metric(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured = io.StringIO()
    monkeypatch.setattr(sys, "stderr", captured)
    configure_logging(settings.model_copy(update={"log_format": "json", "log_level": "debug"}))
    try:
        smtp.answers = {ANN: f"450 <{ANN}> later", "bob@example.org": "550 <bob@example.org> unknown"}
        async with service(settings, pipeline) as running:
            for email in (ANN, "bob@example.org", "cat@example.org"):
                await running.painted(email)
            await running.deliver()
            del smtp.answers[ANN]
            running.now += 60
            await running.deliver()
            shown = (await running.client.get("/metrics")).text
            dump = [
                tuple(row)
                for table in ("jobs", "mails", "people")
                for row in await running.database.mails._sql.query(f"SELECT * FROM {table}")
            ]
        logging.getLogger("library").warning("could not write to <%s>", ANN)
    finally:
        logging.basicConfig(force=True, level=logging.WARNING)
        structlog.reset_defaults()
    log = captured.getvalue()
    assert "mail sent" in log
    assert "mail put off" in log
    assert "mail given up" in log
    assert "could not write to" in log
    assert not re.search(r"(ann|bob|cat)@", log + shown + repr(dump))


@pytest.mark.parametrize(
    ("url", "host", "port", "start_tls"),
    [
        ("smtp://mail.example", "mail.example", 25, None),
        ("smtp://u:p@mail.example", "mail.example", 587, True),
        ("smtp://u:p@127.0.0.1:2525", "127.0.0.1", 2525, None),
        ("smtp://u:p@localhost", "localhost", 587, None),
        ("smtps://u%40x:p%2Fw@mail.example", "mail.example", 465, False),
    ],
)
def test_accounts(url: str, host: str, port: int, start_tls: bool | None) -> None:
    account = Account.from_url(url, "anime.example")
    assert (account.host, account.port, account.start_tls) == (host, port, start_tls)
    assert account.implicit_tls is url.startswith("smtps:")
    if "%40" in url:
        assert (account.username, account.password) == ("u@x", "p/w")
    assert "p%2Fw" not in repr(account)


@pytest.mark.parametrize(("password", "counted"), [("right", "sent"), ("wrong", "retried")])
async def test_a_mail_server_that_asks_for_a_password(
    settings: Settings, pipeline: SteeredPipeline, smtp: FakeMailServer, password: str, counted: str
) -> None:
    smtp.password = "right"
    url = SecretStr(f"smtp://user:{password}@127.0.0.1:{smtp.port}")
    changed = settings.model_copy(update={"mail_url": url})
    async with service(changed, pipeline) as running:
        await running.painted()
        await running.deliver()
        assert running.count(counted) == 1
