"""Queues: made, used, and what is said where they can't be."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from storage import StorageError
from storage.cli import cli
from storage.sqs import Queues, Received, open_queues, open_sqs
from storage.sqs_provision import provision_queues
from tests.fakes.sqs import SqsServer, sqs_server

URL = "sqs://selfies"


async def test_a_message_is_hidden_given_back_and_deleted(queues: Queues) -> None:
    await queues.orders.send("paint me", group="ann")
    (message,) = await queues.orders.receive()
    assert message.body == "paint me"
    assert await queues.orders.receive(wait=0) == []
    await queues.orders.hide(message, 0)
    (again,) = await queues.orders.receive()
    await queues.orders.delete(again)
    assert await queues.orders.receive(wait=0) == []


async def test_what_comes_to_somebody_who_listens_no_more_is_given_back(queues: Queues) -> None:
    polling = asyncio.create_task(queues.orders.receive())
    await asyncio.sleep(0.2)  # it is held back at the server now
    polling.cancel()
    await queues.orders.send("paint me")
    with pytest.raises(asyncio.CancelledError):
        await polling
    (message,) = await queues.orders.receive()
    assert message.body == "paint me"


async def test_cancelling_waits_no_longer_than_an_answer_may_take(queues: Queues, monkeypatch) -> None:
    async def never(_most: int, _wait: int) -> list[Received]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr("storage.sqs.LATE", 0.1)
    monkeypatch.setattr(queues.orders, "_poll", never)
    polling = asyncio.create_task(queues.orders.receive(wait=0))
    await asyncio.sleep(0.01)
    polling.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await polling


async def test_what_is_received_in_vain_three_times_is_a_dead_letter(queues: Queues) -> None:
    await queues.orders.send("deadly")
    for _ in range(3):
        (message,) = await queues.orders.receive()
        await queues.orders.hide(message, 0)
    assert await queues.orders.receive(wait=0) == []
    (dead,) = await queues.dead.receive()
    assert dead.body == "deadly"


async def test_at_most_ten_come_at_once_and_no_more_than_asked_for(queues: Queues) -> None:
    for number in range(12):
        await queues.orders.send(str(number))
    assert len(await queues.orders.receive(3)) == 3
    assert len(await queues.orders.receive(50)) <= 10


async def test_provisioning_again_sets_right_what_was_changed(queues: Queues) -> None:
    async with open_sqs() as client:
        url = (await client.get_queue_url(QueueName="selfies"))["QueueUrl"]
        await client.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
        lines = [line async for line in provision_queues(URL, deadline=1_800)]
        found = (await client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))["Attributes"]
    assert [line.split(":")[0] for line in lines] == ["selfies-dead", "selfies-results", "selfies"]
    assert (found["VisibilityTimeout"], found["MessageRetentionPeriod"]) == ("60", "1800")
    assert json.loads(found["RedrivePolicy"])["maxReceiveCount"] == 3


def test_provision_makes_the_queues_that_the_settings_name(sqs: SqsServer, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_PATH", str(tmp_path / "jobs.db"))
    monkeypatch.setenv("STORAGE_URL", f"file:{tmp_path}/objects")
    monkeypatch.setenv("QUEUE_URL", "sqs://portraits")
    result = CliRunner().invoke(cli, ["provision"], catch_exceptions=False)
    assert "portraits: ready; scale workers by its depth." in result.output


async def test_a_missing_queue_is_named(sqs: SqsServer) -> None:
    with pytest.raises(StorageError, match="no queue 'nowhere': run `python -m storage provision`") as error:
        async with open_queues("sqs://nowhere"):
            pass
    assert error.value.code == "queue_missing"


async def test_no_answer_says_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    with sqs_server() as server:
        environment = server.environment
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StorageError, match="check the network and AWS_ENDPOINT_URL_SQS") as error:
        async with open_queues(URL):
            pass
    assert error.value.code == "unreachable"


async def test_without_credentials_or_region_it_says_so(sqs: SqsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(StorageError, match="set AWS_DEFAULT_REGION"):
        async with open_queues(URL):
            pass
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StorageError, match="set AWS_ACCESS_KEY_ID") as error:
        async with open_queues(URL):
            pass
    assert error.value.code == "no_credentials"
