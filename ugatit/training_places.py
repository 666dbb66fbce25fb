"""Where the pictures and the outputs of a training run lie: on this machine, or in a bucket with a copy here."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

from ugatit.bucket import SCHEME, Bucket, open_client
from ugatit.checkpoint import FILE, CheckpointError
from ugatit.data import DataError, SplitName


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one run.

    Args:
        out: where it writes.
        pull_data: brings the pictures if they are elsewhere; their folder or zip file.
        push: brings what it has written to where it belongs, which does nothing for a folder of this machine.

    Raises:
        BucketError: of both functions, when the bucket cannot be reached; a later call goes on.
    """

    out: Path
    pull_data: Callable[[], Path]
    push: Callable[[], object]


@contextmanager
def open_places(data: str, out: str, *, resume: bool, cache: Path | None = None) -> Iterator[Places]:
    """The places of a run, as its command line names them; outputs in a bucket are brought here to be resumed.

    Args:
        data, out: paths or `s3://bucket/prefix`.
        resume: whether the run in `out` goes on.
        cache: where copies of buckets lie; ~/.cache/selfie2anime if not given.

    Raises:
        BucketError: a bucket cannot be reached.
        CheckpointError: a run is there already, and it is not to go on.
    """
    cache = cache or Path.home() / ".cache" / "selfie2anime"
    with ExitStack() as lifetime:
        client = lifetime.enter_context(open_client()) if SCHEME in (data[:5], out[:5]) else None
        target: Path = Path(out)
        push: Callable[[], object] = _nothing
        if out.startswith(SCHEME):
            bucket = copy_of(out, cache, client)
            if resume:
                bucket.pull()
            elif bucket.holds(FILE):
                raise CheckpointError(f"{out}: there is a run already. Go on with --resume or take another --out.")
            target, push = bucket.folder, bucket.push
        yield Places(target, lambda: pull_data(data, cache, client), push)


def pull_data(data: str, cache: Path, client: Any) -> Path:
    """The folder or zip file of the pictures, brought here first if `data` is an address in a bucket.

    Raises:
        BucketError: a file cannot be brought.
        DataError: the bucket has no pictures there.
    """
    if not data.startswith(SCHEME):
        return Path(data)
    bucket = copy_of(data, cache, client)
    bucket.pull(_is_data, mirror=True)
    if not any(_is_data(path.name) for path in bucket.folder.iterdir()):
        raise DataError(f"{data}: neither {', '.join(get_args(SplitName))} nor zip files. Copy the pictures there.")
    return bucket.path


def copy_of(address: str, cache: Path, client: Any) -> Bucket:
    """The bucket's folder with its copy in `cache`. Raises BucketError if that is no address."""
    # One flat name: copies of a folder and of a folder in it must not lie in each other.
    return Bucket(address, cache / quote(address.removeprefix(SCHEME).strip("/"), safe=""), client)


def _is_data(name: str) -> bool:
    """Runs may lie beside the pictures; they are not brought with them."""
    first = name.split("/")[0]
    return first in get_args(SplitName) or (first == name and name.lower().endswith(".zip"))


def _nothing() -> None:
    pass
