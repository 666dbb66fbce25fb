"""Files from an address that the operator gives: resumable, and theirs only if size and SHA-256 are as stated."""

import hashlib
import math
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import httpx

from ugatit.bucket import BucketError, open_client

PIECE = 1 << 20
TORCH = (".pt", ".pth")
TIMEOUT = 30.0  # seconds without a byte
NOT_SATISFIABLE = 416  # RFC 9110: the range begins beyond the end


class FetchError(Exception):
    """The file could not be had, or is another than was stated; the message says what to do."""


def fetch(source: str, target: Path, *, sha256: str, size: int | None = None) -> None:
    """Brings `source` to `target`, going on where an earlier call was cut short (`target` with .part).

    Args:
        source: a path, an `http(s)://` or an `s3://bucket/key` address.
        sha256: of the file, hexadecimal.
        size: of the file in bytes, where it is known; a longer file is cut off there.

    Raises:
        FetchError: not reachable, or another size or hash than stated; a wrong file is removed.
        OSError: it cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    with part.open("ab") as file:
        have = file.tell()
        if size is None or have < size:
            _append(source, file, have, size)
    _check(part, source, sha256, size)
    os.replace(part, target)


def _append(source: str, file: BinaryIO, have: int, size: int | None) -> None:
    with _pieces(source, have) as (begins, pieces):
        if begins != have:
            file.truncate(begins)  # this server always begins at the start
            have = begins
        for piece in pieces:
            have += len(piece)
            if size is not None and have > size:
                file.truncate(0)
                raise FetchError(f"{source}: longer than {size:,} bytes. Check the address and --size.")
            file.write(piece)


@contextmanager
def _pieces(source: str, have: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Where the bytes begin (0 or `have`), and the bytes."""
    address = urlsplit(source)
    if address.scheme in {"http", "https"}:
        with _http(source, have) as found:
            yield found
    elif address.scheme == "s3":
        with _s3(source, address.netloc, address.path.lstrip("/"), have) as found:
            yield found
    else:
        try:
            file = open(source, "rb")  # noqa: SIM115 (closed below; opening alone is what may fail here)
        except OSError as error:
            raise FetchError(f"{source}: {error.strerror}.") from error
        with file:
            file.seek(have)
            yield have, iter(lambda: file.read(PIECE), b"")


@contextmanager
def _http(source: str, have: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        with httpx.stream("GET", source, headers=headers, follow_redirects=True, timeout=TIMEOUT) as answer:
            if have and answer.status_code == NOT_SATISFIABLE:
                yield have, iter(())  # all of it is here already; the hash will tell
                return
            answer.raise_for_status()
            yield have if answer.status_code == httpx.codes.PARTIAL_CONTENT else 0, answer.iter_bytes(PIECE)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError(f"{source}: {error}. Run the same command again to go on.") from error


@contextmanager
def _s3(source: str, bucket: str, key: str, have: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with open_client() as client:
            if have >= client.head_object(Bucket=bucket, Key=key)["ContentLength"]:
                yield have, iter(())
                return
            body = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={have}-")["Body"]
            with body:
                yield have, body.iter_chunks(PIECE)
    except (BotoCoreError, ClientError, BucketError) as error:
        raise FetchError(f"{source}: {error}. Run the same command again to go on.") from error


def _check(part: Path, source: str, sha256: str, size: int | None) -> None:
    held = part.stat().st_size
    if size is not None and held < size:
        raise FetchError(f"{source}: ended after {held:,} of {size:,} bytes. Run the same command again to go on.")
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower() or (size is not None and held != size):
        part.unlink()
        raise FetchError(f"{source}: not the file that was stated: {held:,} bytes, sha256 {found}. It was removed.")


def unpack(archive: Path, folder: Path, inside: str | None = None) -> Path:
    """What the importer reads: `archive` itself, or what a zip or tar file held, unpacked into `folder`.

    That is the folder of a TensorFlow checkpoint, else a `.pt` file: the one called latest, or of the most steps.

    Args:
        inside: which folder or `.pt` file in the archive, where it holds several.

    Raises:
        FetchError: damaged, or with members that lie outside `folder`, or without a checkpoint, or with several.
    """
    import tarfile
    import zipfile

    # A .pt file is a zip as well: that one stays as it is.
    try:
        if archive.suffix in {*TORCH, ".safetensors"}:
            return archive
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                _unzip(packed, folder)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")  # refuses links and paths that lead outside
        else:
            return archive
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise FetchError(f"{archive.name}: cannot be unpacked ({error}).") from error
    return folder / _choose(archive, _members(folder), inside)


def _members(folder: Path) -> list[PurePath]:
    """The files below a folder, without the shadows that macOS packs beside them."""
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return [name for name in names if not name.name.startswith("._") and "__MACOSX" not in name.parts]


def _choose(archive: Path, members: list[PurePath], inside: str | None) -> PurePath:
    files = [name for name in members if name.suffix in TORCH]
    found = sorted({name.parent for name in members if name.suffix == ".index"}) or sorted(files)
    if not found:
        raise FetchError(f"{archive.name}: holds neither a TensorFlow checkpoint (*.index) nor a .pt file.")
    fit = found if inside is None else [name for name in found if name == PurePath(inside)]
    if fit and fit[0] in files:
        most = max(map(_steps, fit))
        fit = [name for name in fit if _steps(name) == most]
    if len(fit) != 1:
        what = "several checkpoints" if fit else f"no checkpoint {inside}"
        raise FetchError(f"{archive.name}: holds {what}. Say which with --inside: {', '.join(map(str, found))}.")
    return fit[0]


def _steps(name: PurePath) -> float:
    """Of a .pt file, to compare: the highest number in its name; what is called latest is newer than any."""
    if "latest" in name.name:
        return math.inf
    return max((int(digits) for digits in re.findall(r"\d+", name.stem)), default=-1)


def _unzip(packed: Any, folder: Path) -> None:
    for member in packed.infolist():
        target = (folder / member.filename).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise FetchError(f"{member.filename}: leads out of the archive; nothing of it was used.")
        if not member.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(member) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file, PIECE)
