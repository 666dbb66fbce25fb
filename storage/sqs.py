"""Queues in SQS, or in anything that speaks its protocol: photos to be painted, what became of them, and dead letters.

Credentials, region and endpoint come from botocore's own variables and files, as for S3 (`AWS_ENDPOINT_URL_SQS`, …).
Of a queue NAME there are three: NAME itself, NAME-results, and NAME-dead, which takes a message that was received
`RECEIVES` times in vain.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aioboto3
import aiohttp
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from storage.errors import StorageError

SCHEME = "sqs://"
MOST = 10  # messages that one ReceiveMessage gives (Amazon SQS API Reference)
LONG_POLL = 5  # seconds that SQS waits for a message; so long may it take to stop listening
LATE = 2.0  # seconds after which an answer that is due by then counts as none
HIDDEN = 60  # seconds that a message stays hidden after it was received, unless that is extended
RECEIVES = 3
READ = 30.0  # seconds without a byte; more than a long poll
MISSING = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


@dataclass(frozen=True, slots=True)
class Received:
    """A message that is hidden from others, and what it is extended and deleted by."""

    body: str
    receipt: str


class Queue:
    """One queue. Every message arrives at least once, perhaps more often, and in any order.

    All methods raise `StorageError` where SQS does not do as it is asked.
    """

    def __init__(self, client: Any, name: str, url: str) -> None:
        self.name = name
        self._client = client
        self._url = url

    async def send(self, body: str, group: str | None = None) -> None:
        """Put a message in. `group`: messages of many others go before a second one of this group (fair queues)."""
        fair = {} if group is None else {"MessageGroupId": group}
        async with explained(self.name):
            await self._client.send_message(QueueUrl=self._url, MessageBody=body, **fair)

    async def receive(self, most: int = MOST, wait: int | None = None) -> list[Received]:
        """Up to `most` messages, as soon as there is one; none after `wait` seconds, `LONG_POLL` by default.

        Cancelled, it ends only when SQS has answered, and gives back what came: SQS may not learn that nobody listens
        any more, and would keep for `HIDDEN` seconds what it sends to nobody.
        """
        wait = LONG_POLL if wait is None else wait
        polling = asyncio.create_task(self._poll(most, wait))
        try:
            return await asyncio.shield(polling)
        except asyncio.CancelledError:
            with suppress(StorageError, TimeoutError):
                async with asyncio.timeout(wait + LATE):
                    for message in await polling:
                        await self.hide(message, 0)
            raise

    async def _poll(self, most: int, wait: int) -> list[Received]:
        async with explained(self.name):
            answer = await self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=min(most, MOST), WaitTimeSeconds=wait
            )
        return [Received(message["Body"], message["ReceiptHandle"]) for message in answer.get("Messages", ())]

    async def hide(self, message: Received, seconds: int = HIDDEN) -> None:
        """Keep it from others for so long from now on; 0 gives it back at once."""
        async with explained(self.name):
            await self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=seconds
            )

    async def delete(self, message: Received) -> None:
        """It is done with."""
        async with explained(self.name):
            await self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)


@dataclass(frozen=True, slots=True)
class Queues:
    """The three of one fleet."""

    orders: Queue
    results: Queue
    dead: Queue


def names_of(url: str) -> tuple[str, str, str]:
    """The names of the three queues behind `sqs://NAME`."""
    name = url.removeprefix(SCHEME)
    return name, f"{name}-results", f"{name}-dead"


@asynccontextmanager
async def open_queues(url: str) -> AsyncIterator[Queues]:
    """The queues behind `sqs://NAME`, which must be there.

    Raises:
        StorageError: one is missing, or SQS can't be used; says what to do.
    """
    async with open_sqs() as client:
        queues = []
        for name in names_of(url):
            async with explained(name):
                queues.append(Queue(client, name, (await client.get_queue_url(QueueName=name))["QueueUrl"]))
        yield Queues(*queues)


@asynccontextmanager
async def open_sqs() -> AsyncIterator[Any]:
    """A botocore SQS client."""
    settings = Config(retries={"mode": "standard"}, connect_timeout=5.0, read_timeout=READ, max_pool_connections=50)
    async with explained("SQS"), aioboto3.Session().client("sqs", config=settings) as client:
        yield client


@asynccontextmanager
async def explained(name: str) -> AsyncIterator[None]:
    """Turn what botocore raises inside into a `StorageError` that says what to do."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in MISSING:
            text = f"There is no queue {name!r}: run `python -m storage provision`, or set QUEUE_URL."
            raise StorageError("queue_missing", text) from error
        what = f"{error.operation_name} on the queue {name!r} was refused ({code}): check credentials and their rights."
        raise StorageError("denied", what) from error
    except NoCredentialsError as error:
        text = "No credentials for SQS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        raise StorageError("no_credentials", text) from error
    except NoRegionError as error:
        raise StorageError("failed", "No region for SQS: set AWS_DEFAULT_REGION.") from error
    except (BotoCoreError, aiohttp.ClientError, OSError) as error:
        what = f"No answer for the queue {name!r} ({type(error).__name__}): check the network and AWS_ENDPOINT_URL_SQS."
        raise StorageError("unreachable", what) from error
