"""The real service process against servers that stand in for the platforms: a photo goes in, a picture comes out."""

import asyncio
import io
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.fakes.s3 import S3Server, s3_server
from tests.fakes.smtp import mail_server
from tests.fakes.telegram import FakeTelegram
from tests.service import ROOT, Service
from ugatit import bundled_weights

PHOTO = (ROOT / "docs" / "astronaut.png").read_bytes()
PATIENCE = 150.0  # seconds; ten are usual, but the machine may be busy with other things


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    with s3_server(tmp_path / "s3") as server:
        yield server


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(PHOTO)).convert("RGB").save(out, "JPEG", quality=92)
    return out.getvalue()


def grey() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (400, 400), (120, 130, 140)).save(out, "PNG")
    return out.getvalue()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def assert_painted(data: bytes) -> None:
    """A picture of the size people get, that is neither the photo nor a single colour."""
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format in {"PNG", "JPEG"}
        assert picture.size == (256, 256)
        pixels = np.asarray(picture.convert("RGB"), np.float32)
    with Image.open(io.BytesIO(PHOTO)) as photo:
        same = np.asarray(photo.convert("RGB").resize((256, 256)), np.float32)
    assert pixels.std() > 20
    assert np.abs(pixels - same).mean() > 20


def telegram_settings(telegram: FakeTelegram) -> dict[str, str]:
    return {
        "TELEGRAM_TOKEN": telegram.token,
        "TELEGRAM_BASE_URL": telegram.base_url,
        "TELEGRAM_FILE_URL": telegram.file_url,
    }


async def test_a_selfie_sent_to_telegram_comes_back_as_anime(tmp_path: Path):
    async with FakeTelegram() as telegram, Service(tmp_path, **telegram_settings(telegram)) as service:
        chat = telegram.private_chat(telegram.user("Ann"))
        photo = await chat.send_photo(jpeg())
        answer = await chat.wait_photo(within=PATIENCE)
        assert answer.reply_to == photo.id
        assert_painted(answer.picture)
        assert [m.id for m in chat.answers] == [answer.id], "the status message is gone"

        await chat.send_document(grey(), "grey.png", "image/png")
        told = await chat.wait_for(lambda m: "face" in m.text, within=PATIENCE)
        assert "can't find a face" in told.text

        mapped = service.mapped_files()
        assert "tensorflow" not in mapped
        assert "openvino" not in mapped
        assert await service.stop() == 0
        assert telegram.token not in service.output


async def test_the_metrics_tell_which_doors_are_open(tmp_path: Path):
    async with FakeTelegram() as telegram:
        settings = telegram_settings(telegram) | {
            "DISCORD_TOKEN": "no-such-token",
            "DISCORD_API_URL": "http://127.0.0.1:9/api/v10",
        }
        async with Service(tmp_path, **settings) as service, httpx.AsyncClient() as client:
            await service.said('"event": "Telegram connected"')
            await service.said('"event": "discord unreachable"')
            told = (await client.get(f"{service.address}/metrics")).text
    assert 'selfie2anime_door_connected{door="telegram"} 1.0' in told
    assert 'selfie2anime_door_connected{door="discord"} 0.0' in told


async def test_a_selfie_survives_a_kill_and_is_answered_once(tmp_path: Path):
    async with FakeTelegram() as telegram, Service(tmp_path, **telegram_settings(telegram)) as service:
        chat = telegram.private_chat(telegram.user("Ann"))
        await chat.send_photo(jpeg())
        await service.said('"event": "job accepted"')
        await service.kill()
        assert not [m for m in chat.answers if m.picture]
        await service.start()
        answer = await chat.wait_photo(within=PATIENCE)
        assert_painted(answer.picture)
        await service.said('"event": "job delivered"')
        assert await service.stop() == 0
        assert len([m for m in chat.answers if m.picture]) == 1


async def test_telegram_by_webhook_and_back_to_polling(tmp_path: Path):
    port = free_port()
    hook = {
        "WEB_PORT": str(port),
        "TELEGRAM_WEBHOOK_URL": f"http://127.0.0.1:{port}/telegram",
        "TELEGRAM_WEBHOOK_SECRET": "a-secret-of-the-webhook",
    }
    async with FakeTelegram() as telegram:
        chat = telegram.private_chat(telegram.user("Ann"))
        async with Service(tmp_path, **telegram_settings(telegram), **hook) as service:
            await service.said(f"Telegram        on as @{telegram.bot.username}, updates by webhook")
            sent = await chat.send_text("/help")
            await chat.wait_for(lambda m: m.reply_to == sent.id)
            async with httpx.AsyncClient() as outside:
                assert (await outside.post(hook["TELEGRAM_WEBHOOK_URL"], json={"update_id": 1})).status_code == 403
            assert hook["TELEGRAM_WEBHOOK_SECRET"] not in service.output
        assert telegram.count("getUpdates") == 0
        async with Service(tmp_path, **telegram_settings(telegram)) as service:
            await service.said("updates by polling")
            again = await chat.send_text("/help")
            await chat.wait_for(lambda m: m.reply_to == again.id)
        assert telegram.world.updates.webhook.url == ""


async def test_ctrl_c_finishes_what_is_painted(tmp_path: Path):
    async with FakeTelegram() as telegram, Service(tmp_path, **telegram_settings(telegram)) as service:
        chat = telegram.private_chat(telegram.user("Ann"))
        await service.said("Ready to paint")
        await chat.send_photo(jpeg())
        await telegram.wait_call("sendMessage", within=30)  # it waits, or is being painted
        assert await service.interrupt() == 0
        assert_painted((await chat.wait_photo()).picture)
        assert "engine" not in service.output.split('"event": "stopping"')[1]


async def test_a_visitor_who_waits_is_answered_at_the_stop(tmp_path: Path):
    sent = asyncio.Event()

    async def trace(event: str, _: object) -> None:
        if event == "http11.send_request_body.complete":
            sent.set()

    async with Service(tmp_path, LIMITS_GRACE="3") as service:
        await service.said("Page and API")
        async with httpx.AsyncClient(base_url=service.address, timeout=PATIENCE) as client:
            photo = await client.post("/api/selfies", files={"photo": ("me.jpg", jpeg(), "image/jpeg")})
            here = photo.json()["links"]["self"]
            while (await client.get(here)).json()["state"] == "queued":  # noqa: ASYNC110, a poll is what it is
                await asyncio.sleep(0.05)
            waiting = asyncio.create_task(client.get(f"{here}?wait=25", extensions={"trace": trace}))
            await sent.wait()
            assert (await client.get("/healthz")).status_code == 200  # so what was sent before it has arrived
            assert await service.stop() == 0
            answer = await waiting
    assert answer.status_code == 200
    assert answer.json()["state"] in {"running", "rendered", "delivered"}


async def test_the_page_paints_with_pictures_private_in_s3(tmp_path: Path, s3: S3Server):
    settings = {
        "STORAGE_URL": "s3://private-pictures/selfies",
        "DATABASE_PATH": str(tmp_path / "jobs.db"),
        **s3.environment,
    }
    provision = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "storage", "provision", cwd=ROOT, env={**os.environ, **settings}
    )
    assert await provision.wait() == 0
    async with Service(tmp_path, **settings) as service:
        await service.said("Page and API")
        async with httpx.AsyncClient(base_url=service.address, timeout=30) as client:
            assert "<html" in (await client.get("/")).text
            sent = await client.post("/api/selfies", files={"photo": ("me.jpg", jpeg(), "image/jpeg")})
            assert sent.status_code == 202, sent.text
            job = await finished(client, sent.json()["links"]["self"])
            assert job["state"] == "delivered"
            url = job["pictures"][0]["url"]
            assert url.startswith(s3.endpoint)
            assert_painted((await client.get(url)).content)
            assert (await client.get(url.split("?")[0])).status_code == 403
            await service.said("Ready to paint")
            assert (await client.get("/readyz")).status_code == 200
        assert await service.stop() == 0


async def test_a_link_is_mailed_though_the_service_was_killed_and_the_mail_server_was_down(tmp_path: Path):
    async with mail_server() as smtp:
        settings = {
            "MAIL_URL": smtp.url,
            "MAIL_FROM": "bot@anime.example",
            "WEB_PUBLIC_URL": "https://anime.example",
        }
        await smtp.down()
        async with Service(tmp_path, **settings) as service:
            await service.said("E-mail          on, as bot@anime.example")
            async with httpx.AsyncClient(base_url=service.address, timeout=30) as client:
                fields, photo = {"email": "ann@example.org"}, {"photo": ("me.jpg", jpeg(), "image/jpeg")}
                sent = await client.post("/api/selfies", files=photo, data=fields)
                assert sent.status_code == 202, sent.text
            await service.kill()
            await smtp.up()
            await service.start()
            await smtp.until(1, within=PATIENCE)
            assert sent.json()["links"]["page"] in smtp.received[0].get_body(("plain",)).get_content()
            await service.said('"event": "mail sent"')
            assert await service.stop() == 0
            assert "ann@example.org" not in service.output
        assert smtp.recipients == ["ann@example.org"]


async def finished(client: httpx.AsyncClient, path: str) -> dict:
    """The job once it has ended; the API is polled, as the page does."""
    for _ in range(round(10 * PATIENCE)):
        job = (await client.get(path)).raise_for_status().json()
        if job["state"] in {"delivered", "failed", "expired", "cancelled"}:
            return job
        await asyncio.sleep(0.1)
    raise AssertionError(f"not finished in time: {job}")


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("WEB_PORT", "eighty", ("WEB_PORT", "eighty", "integer")),
        ("MODEL_WEIGHTS", "nowhere.safetensors", ("nowhere.safetensors",)),
        ("QUEUE_URL", "sqs://selfies", ("SQS", "AWS_DEFAULT_REGION")),
        ("DATABASE_PATH", "/proc/jobs.db", ("/proc",)),
    ],
)
async def test_a_wrong_setting_stops_the_start_with_one_clear_message(tmp_path: Path, setting, value, words):
    async with Service(tmp_path, **{setting: value}) as service:
        assert await service.ended() == 2
        for word in words:
            assert word in service.output
        assert "Traceback" not in service.output


@pytest.mark.parametrize(
    ("setting", "content", "words"),
    [
        ("DATABASE_PATH", b"no database at all" * 100, ("file.broken is damaged", "put back a copy")),
        ("MODEL_WEIGHTS", bundled_weights().read_bytes()[:1_000_000], ("file.broken", "cut short")),
    ],
)
async def test_a_damaged_file_stops_the_start_and_is_named(tmp_path: Path, setting: str, content: bytes, words):
    broken = tmp_path / "file.broken"
    broken.write_bytes(content)
    async with Service(tmp_path, **{setting: str(broken)}) as service:
        assert await service.ended() == 2
        told = service.output[service.output.index("Selfie2Anime can't start.") :]
        for word in words:
            assert word in told
        assert "Traceback" not in service.output
    assert broken.read_bytes() == content
