"""Keys of objects: which are allowed, and which object belongs to which job."""

import re

from storage.errors import StorageError

INPUTS = "inputs/"
RESULTS = "results/"

_HANDED_OVER = "-painted-"
# Every part starts with a letter or digit: no "..", no hidden file, no empty part, nothing absolute.
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,199}){0,7}")


def input_key(job_id: str, number: int = 1) -> str:
    """Key of a job's photo, or of that one of its photos (counted from 1)."""
    return f"{INPUTS}{job_id}/{number}"


def result_keys(job_id: str, pictures: int) -> tuple[str, ...]:
    """Keys of the pictures, each followed by that of the crop it was painted from: (p1, o1, p2, o2, …)."""
    return tuple(f"{RESULTS}{job_id}/{n}{end}" for n in range(1, pictures + 1) for end in (".png", "-original.jpg"))


def painted_keys(job_id: str, photo: int, pictures: int) -> tuple[str, ...]:
    """Where a worker hands over the pictures of one photo, in the order of `result_keys`; see `handed_over`."""
    stem = f"{INPUTS}{job_id}/{photo}{_HANDED_OVER}"
    return tuple(f"{stem}{n}{end}" for n in range(1, pictures + 1) for end in (".png", "-original.jpg"))


def handed_over(key: str) -> bool:
    """Whether it is one of `painted_keys`: of no use, and known to no row, once the service has had time to take it."""
    return key.startswith(INPUTS) and _HANDED_OVER in key


def job_of(key: str) -> str:
    """Id of the job that an object under either prefix was made for."""
    return key.split("/")[1]


def checked_key(key: str) -> str:
    """The key itself.

    Raises:
        StorageError: it could leave the store, or is none of ours.
    """
    if not _KEY.fullmatch(key):
        raise StorageError("bad_key", f"{key!r} is no key: parts of letters, digits, '.', '_' and '-', joined by '/'.")
    return key
