"""Make the queues of a fleet; may be run again at any time."""

import json
from collections.abc import AsyncIterator
from typing import Any

from botocore.exceptions import ClientError

from storage.sqs import HIDDEN, LONG_POLL, MISSING, RECEIVES, explained, names_of, open_sqs

DAY = 86_400


async def provision_queues(url: str, *, deadline: float) -> AsyncIterator[str]:
    """Make the three queues behind `sqs://NAME`, or set those right that are there. Yields a line after each.

    Args:
        deadline: seconds after which nobody waits for a photo any more; messages go then as well.

    Raises:
        StorageError: a step failed; says what to do.
    """
    orders, results, dead = names_of(url)
    kept = str(max(60, round(deadline)))  # the least that SQS takes
    async with open_sqs() as client:
        arn = await _set(client, dead, {"MessageRetentionPeriod": str(DAY)})
        yield f"{dead}: ready; takes what {RECEIVES} workers in turn could not finish."
        await _set(client, results, {"MessageRetentionPeriod": kept, "VisibilityTimeout": str(HIDDEN)})
        yield f"{results}: ready."
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": str(RECEIVES)})
        attributes = {"MessageRetentionPeriod": kept, "VisibilityTimeout": str(HIDDEN), "RedrivePolicy": redrive}
        await _set(client, orders, attributes | {"ReceiveMessageWaitTimeSeconds": str(LONG_POLL)})
        yield f"{orders}: ready; scale workers by its depth."


async def _set(client: Any, name: str, attributes: dict[str, str]) -> str:
    """The queue with these attributes; returns its ARN."""
    async with explained(name):
        try:
            url = (await client.get_queue_url(QueueName=name))["QueueUrl"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in MISSING:
                raise
            url = (await client.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"]
        await client.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        answer = await client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])
