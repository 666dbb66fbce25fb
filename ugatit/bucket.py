"""A folder that lives in an S3 bucket: brought here once, kept up there.

Credentials, region and endpoint come from botocore's own variables and files (`AWS_ACCESS_KEY_ID`, `AWS_PROFILE`,
`AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_S3`, …).
"""

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

SCHEME = "s3://"
AMAZON = (".amazonaws.com", ".amazonaws.com.cn")
RECORDS = ".bucket.jsonl"  # hidden, as the parts are: nothing hidden is ever pushed
AT_ONCE = 8  # downloads: single pictures are small, and the way there is long
PIECE = 1 << 20


class BucketError(Exception):
    """The bucket cannot be reached, or a file cannot be brought or kept there; the message names it."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a file and its object were when they were last the same.

    Args:
        size: bytes.
        etag: of the object, which changes whenever it is written.
        changed: of the file, nanoseconds.
    """

    size: int
    etag: str
    changed: int


@contextmanager
def open_client() -> Iterator[Any]:
    """A boto3 client of S3, closed at the end.

    Raises:
        BucketError: botocore's variables and files do not make one.
    """
    from botocore.exceptions import BotoCoreError

    try:
        client = _client()
    except (BotoCoreError, ValueError) as error:
        raise BucketError(f"S3 cannot be used: {error}") from error
    try:
        yield client
    finally:
        client.close()


def _client() -> Any:
    import boto3
    from botocore.config import Config

    plain: Any = boto3.client("s3")  # only a client knows the endpoint that botocore's variables and files come to
    try:
        host = urlsplit(plain.meta.endpoint_url).hostname or ""
        style = (plain.meta.config.s3 or {}).get("addressing_style")
    finally:
        plain.close()
    settings = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=60)
    if not host.endswith(AMAZON):
        # Another server: its certificate and DNS seldom know bucket names, and not every one knows newer checksums.
        compatible = Config(
            s3={"addressing_style": style or "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        settings = settings.merge(compatible)
    return boto3.client("s3", config=settings)


class Bucket:
    """One folder, or one zip file, of a bucket and its copy on this machine.

    What was the same here and there is noted in a hidden file of the copy, so that nothing is transferred twice and an
    interrupted transfer goes on where it was.

    Args:
        address: `s3://bucket/prefix`; a prefix that ends in .zip is that one object.
        folder: the copy; made if missing.
        client: see `open_client`.

    Raises:
        BucketError: no address of that form.
    """

    def __init__(self, address: str, folder: Path, client: Any) -> None:
        parts = urlsplit(address)
        self._bucket, self._prefix = parts.netloc, parts.path.strip("/")
        if not address.startswith(SCHEME) or not self._bucket or parts.query or parts.fragment:
            raise BucketError(f"{address}: not of the form s3://bucket/prefix.")
        self.address, self.folder, self._client = address, folder, client
        self._records: dict[str, Record] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / RECORDS).exists():
            for line in (folder / RECORDS).read_text("utf-8").splitlines():
                self._remember_line(line)

    @property
    def path(self) -> Path:
        """What stands for the address on this machine: the folder, or the zip file in it."""
        return self.folder / PurePosixPath(self._prefix).name if self._is_file else self.folder

    def holds(self, name: str) -> bool:
        """Whether a file of that name is there.

        Raises:
            BucketError: the bucket cannot be asked.
        """
        with self._explained(name):
            found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._key(name), MaxKeys=1)
        return any(one["Key"] == self._key(name) for one in found.get("Contents", ()))

    def pull(self, wanted: Callable[[str], bool] = lambda name: True, *, mirror: bool = False) -> int:
        """Brings what is not here yet, or is another there than when it was last the same; how many files.

        A file that was changed here since stays, as long as its object is the same as then: a push was missed.

        Args:
            wanted: which names are brought.
            mirror: remove what came from there and is not there any more.

        Raises:
            BucketError: a file cannot be brought; those that could are here, and the next call goes on.
            OSError: a file cannot be written.
        """
        there = [one for one in self._objects() if wanted(one[0])]
        if mirror:
            for name in set(self._records) - {name for name, *_ in there}:
                (self.folder / name).unlink(missing_ok=True)
        news = [one for one in there if self._is_news(*one)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for job in [pool.submit(self._bring, *one) for one in news]:
                try:
                    job.result()
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
        return len(news)

    def push(self) -> int:
        """Puts there what was made or changed here since it was last the same; how many files.

        Raises:
            BucketError: a file cannot be put; the next call tries again.
        """
        count = 0
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if not path.is_file() or any(part.startswith(".") for part in PurePosixPath(name).parts):
                continue
            about, before = path.stat(), self._records.get(name)
            if before and (before.size, before.changed) == (about.st_size, about.st_mtime_ns):
                continue
            with self._explained(name):
                self._client.upload_file(str(path), self._bucket, self._key(name))
                etag = self._client.head_object(Bucket=self._bucket, Key=self._key(name))["ETag"]
            self._remember(name, Record(about.st_size, etag, about.st_mtime_ns))
            count += 1
        return count

    @property
    def _is_file(self) -> bool:
        return self._prefix.lower().endswith(".zip")

    def _key(self, name: str) -> str:
        if self._is_file:
            return self._prefix
        return f"{self._prefix}/{name}" if self._prefix else name

    def _objects(self) -> list[tuple[str, int, str]]:
        """Name, size and ETag of every object."""
        found = []
        with self._explained(""):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._key(""))
            for one in (one for page in pages for one in page.get("Contents", ())):
                name = one["Key"].removeprefix(self._key(""))
                if self._is_file and not name:
                    name = PurePosixPath(self._prefix).name
                elif self._is_file or not name or name.endswith("/"):
                    continue  # another file whose name goes on, or the mark of an empty folder
                parts = name.split("/")
                if "\\" in name or any(part in {"", ".", ".."} for part in parts):
                    raise BucketError(f"{SCHEME}{self._bucket}/{one['Key']}: leads out of the folder. Rename it.")
                if not any(part.startswith(".") for part in parts):
                    found.append((name, one["Size"], one["ETag"]))
        return found

    def _is_news(self, name: str, size: int, etag: str) -> bool:
        before, path = self._records.get(name), self.folder / name
        if before is None or before.etag != etag or not path.is_file():
            return True
        about = path.stat()
        return about.st_mtime_ns == before.changed and about.st_size != size

    def _bring(self, name: str, size: int, etag: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Named after the object's version: the rest of another one is not appended to it.
        part = path.with_name(f".{path.name}.{etag.strip(chr(34))[:12]}.part")
        with part.open("ab") as file:
            if file.tell() > size:
                file.truncate(0)
            if (have := file.tell()) < size:
                with self._explained(name):
                    body = self._client.get_object(
                        Bucket=self._bucket, Key=self._key(name), Range=f"bytes={have}-", IfMatch=etag
                    )["Body"]
                    with body:
                        for piece in body.iter_chunks(PIECE):
                            file.write(piece)
            held = file.tell()
        if held != size:
            part.unlink()
            raise BucketError(f"{self.address}: {name} has {held:,} bytes, not {size:,}. Try again.")
        os.replace(part, path)
        self._remember(name, Record(size, etag, path.stat().st_mtime_ns))

    def _remember(self, name: str, record: Record) -> None:
        with self._lock:
            self._records[name] = record
            with (self.folder / RECORDS).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"name": name, **asdict(record)}) + "\n")

    def _remember_line(self, line: str) -> None:
        try:
            values = json.loads(line)
            name = values.pop("name")
            self._records[name] = Record(**values)
        except (ValueError, KeyError, TypeError):
            return  # cut short by a crash: that file is transferred once more

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError, Boto3Error) as error:
            raise BucketError(f"{SCHEME}{self._bucket}/{self._key(name)}: {error}") from error
