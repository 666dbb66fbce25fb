"""Objects in S3, or in anything that speaks its protocol.

Credentials, region and endpoint come from botocore's own variables and files (`AWS_ACCESS_KEY_ID`, `AWS_PROFILE`,
`AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_S3`, …; https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html).
Where an endpoint is set, the bucket stands in the path, unless the AWS configuration file asks for another
`addressing_style`.
"""

import random
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aioboto3
import aiohttp
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.errors import ObjectMissing, StorageError
from storage.keys import INPUTS, checked_key
from storage.links import disposition
from storage.s3_errors import code_of, explain

CONNECT = 5.0  # seconds
READ = 30.0  # seconds without a byte
TRIES = 5
LONGEST_PAUSE = 20.0  # seconds, as botocore has it
_BATCH = 1_000  # most keys that one DeleteObjects takes


class S3Store:
    """Objects in one bucket, below a prefix. The client lives as long as the `async with`.

    Args:
        prefix: what every key is put below, without slashes at its ends; empty: the bucket's top.
    """

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self.bucket = bucket
        self.prefix = f"{prefix}/" if prefix else ""
        self.origin: str | None = None
        self._lifetime = AsyncExitStack()
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The botocore client, for provisioning."""
        if self._client is None:
            raise StorageError("failed", f"The store s3://{self.bucket} is closed.")
        return self._client

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening, self.explained():
            self._client = await open_client(opening, self.bucket)
            # Links are signed here, without a request: this finds out their address, and that there are credentials.
            parts = urlsplit(await self.link("probe", ttl=60))
            self.origin = f"{parts.scheme}://{parts.netloc}"
            self._lifetime = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client = None
        await self._lifetime.aclose()

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store bytes; S3 shows them whole or not at all."""
        async with self.explained(key):
            await self.client.put_object(Bucket=self.bucket, Key=self._key(key), Body=data, ContentType=content_type)

    async def get(self, key: str) -> bytes:
        """The bytes; `ObjectMissing` when there are none."""
        async with self.explained(key):
            response = await self.client.get_object(Bucket=self.bucket, Key=self._key(key))
            async with response["Body"] as body:
                return bytes(await body.read())

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, up to 1,000 a request."""
        for start in range(0, len(keys), _BATCH):
            objects = [{"Key": self._key(key)} for key in keys[start : start + _BATCH]]
            async with self.explained():
                response = await self.client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True}
                )
            # The request succeeds even where single deletions did not.
            for refused in response.get("Errors", ()):
                if refused.get("Code") != "NoSuchKey":
                    what = f"s3://{self.bucket}/{refused.get('Key')} was not deleted: {refused.get('Code')}."
                    raise StorageError("denied" if refused.get("Code") == "AccessDenied" else "failed", what)

    async def link(self, key: str, ttl: int, filename: str | None = None) -> str:
        """A presigned address. One signed with temporary credentials ends with them, if that is sooner than `ttl`."""
        values = {"Bucket": self.bucket, "Key": self._key(key)}
        if filename is not None:
            values["ResponseContentDisposition"] = disposition(filename)
        async with self.explained():
            return str(await self.client.generate_presigned_url("get_object", Params=values, ExpiresIn=ttl))

    async def stale(self, prefix: str, before: float) -> list[str]:
        """Keys under `prefix` last written before `before`."""
        keys = []
        async with self.explained():
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + prefix
            )
            async for page in pages:
                for found in page.get("Contents", ()):
                    if found["LastModified"].timestamp() < before:
                        keys.append(found["Key"].removeprefix(self.prefix))
        return keys

    async def check(self) -> None:
        """List one key, write a probe, read it back and delete it: what the service does with every photo.

        Whoever may not list is told by Amazon that an object is forbidden when it is only gone:
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        async with self.explained():
            await self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix + INPUTS, MaxKeys=1)
        key = probe_key()
        await self.put(key, b"probe", "application/octet-stream")
        await self.get(key)
        await self.delete([key])

    def _key(self, key: str) -> str:
        return self.prefix + checked_key(key)

    @asynccontextmanager
    async def explained(self, key: str = "") -> AsyncIterator[None]:
        """Turn what botocore raises inside into a `StorageError` that says what to do."""
        try:
            yield
        except ClientError as error:
            if key and code_of(error) == "NoSuchKey":
                raise ObjectMissing(key) from error
            raise explain(error, self.bucket) from error
        except (BotoCoreError, aiohttp.ClientError, OSError) as error:
            raise explain(error, self.bucket) from error


def probe_key() -> str:
    """A key for a trial, one's own, or processes that start together would delete it under each other.

    It lies where photos do: there a sweep finds what a crash leaves.
    """
    return f"{INPUTS}probe-{secrets.token_hex(8)}"


async def open_client(lifetime: AsyncExitStack, bucket: str, *, signed: bool = True) -> Any:
    """A botocore S3 client that is closed with `lifetime`; `signed=False`: it asks as a stranger would."""
    session = aioboto3.Session()
    settings = _settings(signed=signed)
    # Only a client knows the endpoint and style that botocore's variables and files come to.
    async with session.client("s3", config=settings) as plain:
        host = urlsplit(plain.meta.endpoint_url).hostname or ""
        style = (plain.meta.config.s3 or {}).get("addressing_style")
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        # Said outright, or links would lead to the global endpoint, which other regions only redirect from. Amazon's
        # certificate covers no dots in a bucket's name.
        settings = settings.merge(Config(s3={"addressing_style": style or ("path" if "." in bucket else "virtual")}))
    else:
        # Another server: its certificate and DNS seldom know bucket names, and not every one knows newer checksums.
        compatible = Config(
            s3={"addressing_style": style or "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        settings = settings.merge(compatible)
    client = await lifetime.enter_async_context(session.client("s3", config=settings))
    client.meta.events.register("needs-retry.s3", _pause_when_throttled)
    return client


def _pause_when_throttled(response: tuple[Any, Any] | None, attempts: int, **_: object) -> float | None:
    """Seconds after which to ask again. botocore knows the codes by which AWS throttles; others answer a plain 429."""
    if response is None or response[0].status_code != HTTPStatus.TOO_MANY_REQUESTS or attempts >= TRIES:
        return None
    return random.uniform(0, min(2.0 ** (attempts - 1), LONGEST_PAUSE))


def _settings(*, signed: bool) -> Config:
    return Config(
        signature_version="s3v4" if signed else UNSIGNED,
        retries={"mode": "standard", "total_max_attempts": TRIES},  # exponential back-off with jitter
        connect_timeout=CONNECT,
        read_timeout=READ,
        max_pool_connections=50,
    )
