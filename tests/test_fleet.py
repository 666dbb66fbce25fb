"""The service and its workers as processes of their own, over SQS and one store; a worker is killed at its work."""

import asyncio
import io
import socket
import subprocess
import sys
from pathlib import Path

import boto3
import httpx
import pytest
from PIL import Image

from tests.fakes.sqs import SqsServer, sqs_server
from tests.service import ROOT, Service

PHOTO = (ROOT / "docs" / "astronaut.png").read_bytes()
PHOTOS = 6
PATIENCE = 150.0  # seconds; thirty are usual, but the machine may be busy with other things


def shown_again_after(seconds: int, server: SqsServer) -> None:
    """What a dead worker had in hand is anybody's sooner than after the minute that it usually takes."""
    names = server.environment
    client = boto3.client(
        "sqs",
        endpoint_url=server.endpoint,
        region_name=names["AWS_DEFAULT_REGION"],
        aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
    )
    url = client.get_queue_url(QueueName="selfies")["QueueUrl"]
    client.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})


async def test_a_fleet_paints_every_photo_once_though_a_worker_is_killed(tmp_path: Path) -> None:
    with sqs_server() as sqs:
        settings = {**sqs.environment, "QUEUE_URL": "sqs://selfies", "LIMITS_WAITING": "20", "LIMITS_MINUTE": "20"}
        async with Service(tmp_path, module="storage provision", **settings) as provision:
            assert await provision.ended() == 0
        await asyncio.to_thread(shown_again_after, 2, sqs)
        async with (
            Service(tmp_path, **settings) as service,
            Service(tmp_path, module="inference worker", **settings) as killed,
        ):
            await service.said("Ready to paint")
            async with httpx.AsyncClient(base_url=service.address, timeout=PATIENCE) as client:
                # Bytes that differ, or the first answer would do for all.
                photos = [PHOTO + bytes([number]) for number in range(PHOTOS)]
                posted = [(await client.post("/api/selfies", files={"photo": photo})) for photo in photos]
                assert [answer.status_code for answer in posted] == [202] * PHOTOS, posted[0].text
                await killed.said("Working for selfies")
                await killed.kill()
                port = free_port()
                async with Service(tmp_path, module=f"inference worker --metrics {port}", **settings) as worker:
                    for answer in posted:
                        assert_painted(await picture(client, answer.json()["links"]["self"]))
                    told = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
                    assert "selfie2anime_engines_warm 1.0" in told
                    assert 'selfie2anime_orders_ended_total{outcome="painted"}' in told
                    assert await worker.stop() == 0
            assert service.output.count("job delivered") == PHOTOS
            assert "libtensorflow" not in service.mapped_files()
            assert await service.stop() == 0
    assert not [*(tmp_path / "objects").rglob("*-painted-*")]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def picture(client: httpx.AsyncClient, job: str) -> bytes:
    async with asyncio.timeout(PATIENCE):
        while True:
            told = (await client.get(job)).raise_for_status().json()
            assert told["state"] not in {"failed", "expired"}, told
            if told["pictures"]:
                return (await client.get(told["pictures"][0]["url"])).raise_for_status().content
            await asyncio.sleep(0.2)


def assert_painted(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("PNG", (256, 256))


def test_who_has_no_fleet_does_not_wait_for_its_sdk() -> None:
    code = "import sys, bots.app; print([name for name in ('aioboto3', 'botocore') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("port", ["everywhere", "127.0.0.1:", "70000"])
async def test_a_wrong_port_for_metrics_is_told(tmp_path: Path, port: str) -> None:
    async with Service(tmp_path, module=f"inference worker --metrics {port}") as worker:
        assert await worker.ended() == 2
        assert "no port" in worker.output


async def test_a_worker_without_a_queue_says_what_to_set(tmp_path: Path) -> None:
    async with Service(tmp_path, module="inference worker") as worker:
        assert await worker.ended() == 2
        assert "QUEUE_URL = 'local:': a worker needs sqs://NAME" in worker.output
        assert "Traceback" not in worker.output
