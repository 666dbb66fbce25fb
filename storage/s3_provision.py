"""A private bucket with lifecycle rules; each step may find itself done already."""

import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from botocore.exceptions import ClientError

from storage.errors import StorageError
from storage.keys import INPUTS, RESULTS
from storage.s3 import S3Store, open_client, probe_key
from storage.s3_errors import code_of

# What servers other than Amazon's say of the parts of the protocol that they leave out.
_UNKNOWN_HERE = {"NotImplemented", "MethodNotAllowed", "UnsupportedOperation", "501", "405"}
_RULE = "selfie2anime-"


async def provision_bucket(store: S3Store, *, keep_inputs: float, keep_results: float) -> AsyncIterator[str]:
    """Create the bucket, close it to the public, set lifecycle rules, and prove both its use and its privacy."""
    where = f"s3://{store.bucket}"
    made = await _create(store)
    yield f"{where}: created." if made else f"{where}: exists."
    blocked = await _optional(store, _block_public(store))
    yield (
        "Public access: blocked." if blocked else "Public access: this server has no such block; tested below instead."
    )
    days = {INPUTS: _days(keep_inputs), RESULTS: _days(keep_results)}
    ruled = await _optional(store, _set_lifecycle(store, days))
    rules = ", ".join(f"{store.prefix}{prefix} after {n} d" for prefix, n in days.items())
    yield (
        f"Lifecycle: {rules}."
        if ruled
        else "Lifecycle: this server has no such rules; `python -m storage sweep` deletes."
    )
    await store.check()
    await _refuses_strangers(store)
    yield "Tested: writing, reading and deleting work, and strangers are refused."


async def _create(store: S3Store) -> bool:
    client = store.client
    try:
        await client.list_objects_v2(Bucket=store.bucket, MaxKeys=1)  # unlike HeadBucket it says why not
    except ClientError as error:
        if code_of(error) != "NoSuchBucket":
            async with store.explained():
                raise
    else:
        return False
    region = client.meta.region_name
    # The default region must not be named: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    place = {} if region in {None, "us-east-1", "aws-global"} else {"LocationConstraint": region}
    try:
        async with store.explained():
            await client.create_bucket(Bucket=store.bucket, **({"CreateBucketConfiguration": place} if place else {}))
    except StorageError as error:
        if isinstance(error.__cause__, ClientError) and code_of(error.__cause__) == "BucketAlreadyExists":
            what = f"The bucket name {store.bucket!r} belongs to somebody else: choose another in STORAGE_URL."
            raise StorageError("denied", what) from error
        raise
    return True


async def _block_public(store: S3Store) -> None:
    every = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    await store.client.put_public_access_block(
        Bucket=store.bucket, PublicAccessBlockConfiguration=dict.fromkeys(every, True)
    )


async def _set_lifecycle(store: S3Store, days: dict[str, int]) -> None:
    rules = [_rule(store.prefix + prefix, f"{_RULE}{prefix.rstrip('/')}", age) for prefix, age in days.items()]
    ours = {rule["ID"] for rule in rules}
    # Setting replaces all rules of the bucket: those of others are kept.
    others = [rule for rule in await _lifecycle(store) if rule.get("ID") not in ours]
    await store.client.put_bucket_lifecycle_configuration(
        Bucket=store.bucket, LifecycleConfiguration={"Rules": others + rules}
    )


async def _lifecycle(store: S3Store) -> list[dict[str, Any]]:
    try:
        response = await store.client.get_bucket_lifecycle_configuration(Bucket=store.bucket)
    except ClientError as error:
        if code_of(error) == "NoSuchLifecycleConfiguration":
            return []
        raise
    return list(response.get("Rules", ()))


def _rule(prefix: str, name: str, days: int) -> dict[str, Any]:
    return {
        "ID": name,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "Expiration": {"Days": days},
        # In a bucket that keeps versions, a deleted photo would otherwise live on as an old one.
        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
    }


def _days(seconds: float) -> int:
    """Lifecycle rules count whole days, from the upload."""
    return max(1, math.ceil(seconds / 86_400))


async def _optional(store: S3Store, step: Any) -> bool:
    try:
        async with store.explained():
            await step
    except StorageError as error:
        if isinstance(error.__cause__, ClientError) and code_of(error.__cause__) in _UNKNOWN_HERE:
            return False
        raise
    return True


async def _refuses_strangers(store: S3Store) -> None:
    key = probe_key()
    await store.put(key, b"probe", "application/octet-stream")
    try:
        async with AsyncExitStack() as lifetime:
            stranger = await open_client(lifetime, store.bucket, signed=False)
            await stranger.get_object(Bucket=store.bucket, Key=store.prefix + key)
    except ClientError as error:
        if code_of(error) in {"AccessDenied", "403", "Unauthorized", "401"}:
            return
        async with store.explained():
            raise
    finally:
        await store.delete([key])
    raise StorageError(
        "bucket_public",
        f"Anybody can read s3://{store.bucket}: take public access from it, or set STORAGE_URL to another.",
    )
