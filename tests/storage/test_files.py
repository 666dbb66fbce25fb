import asyncio
import errno
import os
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from storage import FileStore, ObjectMissing, StorageError, disposition, open_store
from storage.keys import checked_key
from tests.storage.parts import Clock


async def test_what_is_put_is_got_until_deleted(files: FileStore) -> None:
    await files.put("results/a/1.png", b"first", "image/png")
    await files.put("results/a/1.png", b"second", "image/png")
    assert await files.get("results/a/1.png") == b"second"
    await files.delete(["results/a/1.png", "results/a/2.png", "results/b/1.png"])
    with pytest.raises(ObjectMissing, match=r"results/a/1\.png") as caught:
        await files.get("results/a/1.png")
    assert caught.value.code == "object_missing"
    await files.delete(["results/a/1.png"])


async def test_nothing_is_left_behind_and_nobody_else_may_read(files: FileStore) -> None:
    await files.put("inputs/a", b"photo", "image/jpeg")
    assert [path.name for path in files.root.rglob("*") if path.is_file()] == ["a"]
    assert stat.S_IMODE((files.root / "inputs" / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE(files.root.stat().st_mode) == 0o700
    assert stat.S_IMODE((files.root / "inputs").stat().st_mode) == 0o700
    await files.delete(["inputs/a"])
    assert list(files.root.iterdir()) == []


async def test_puts_and_deletes_in_one_folder_do_not_disturb_each_other(files: FileStore) -> None:
    async def come_and_go(n: int) -> None:
        for _ in range(20):
            await files.put(f"results/a/{n}.png", b"%d" % n, "image/png")
            assert await files.get(f"results/a/{n}.png") == b"%d" % n
            await files.delete([f"results/a/{n}.png"])

    await asyncio.gather(*(come_and_go(n) for n in range(4)))
    assert list(files.root.iterdir()) == []


@pytest.mark.parametrize("lost", [FileNotFoundError, FileExistsError])
async def test_a_folder_removed_while_it_is_made_is_made_again(
    files: FileStore, monkeypatch: pytest.MonkeyPatch, lost: type[OSError]
) -> None:
    real, left = Path.mkdir, [lost("the folder went away meanwhile")] * 2

    def mkdir(self: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        if left:
            raise left.pop()
        real(self, mode, parents, exist_ok)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    await files.put("results/a/1.png", b"1", "image/png")
    assert await files.get("results/a/1.png") == b"1"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "..",
        "../secret",
        "inputs/../../secret",
        "inputs/..",
        "inputs//a",
        "inputs/",
        "inputs/.hidden",
        "inputs/a\n",
        "inputs/a\0b",
        "inputs\\..\\a",
        "inputs/%2e%2e",
        "C:/a",
        "inputs/ä",
        "a/" * 9 + "a",
        "a" * 300,
    ],
)
async def test_no_key_leads_out_of_the_folder(files: FileStore, key: str) -> None:
    for refused in (files.put(key, b"x", "text/plain"), files.get(key), files.delete([key]), files.link(key, 60)):
        with pytest.raises(StorageError) as caught:
            await refused
        assert caught.value.code == "bad_key"
    assert list(files.root.iterdir()) == []


@pytest.mark.parametrize("key", ["inputs/a", "results/0f/1-original.png", "probe"])
def test_keys_of_ours_pass(key: str) -> None:
    assert checked_key(key) == key


async def parts_of(files: FileStore, key: str = "results/a/1.png", ttl: int = 60) -> tuple[str, str]:
    link = urlsplit(await files.link(key, ttl, "anime.png"))
    query = parse_qs(link.query)
    assert link.path == f"/objects/{key}"
    assert query["filename"] == ["anime.png"]
    return query["expires"][0], query["signature"][0]


async def test_a_link_works_until_it_expires(files: FileStore, clock: Clock) -> None:
    expires, signature = await parts_of(files)
    clock.now += 59
    assert files.verify("results/a/1.png", expires, signature)
    clock.now += 1
    assert not files.verify("results/a/1.png", expires, signature)


async def test_a_link_opens_nothing_else(files: FileStore, clock: Clock) -> None:
    expires, signature = await parts_of(files)
    other = FileStore(files.root, secret=b"t" * 32, clock=clock)
    flipped = ("1" if signature[0] == "0" else "0") + signature[1:]
    assert not files.verify("results/a/2.png", expires, signature)
    assert not files.verify("results/a/1.png", str(int(expires) + 1), signature)
    assert not files.verify("results/a/1.png", expires, flipped)
    assert not other.verify("results/a/1.png", expires, signature)


@pytest.mark.parametrize("expires", ["", "x", "-1", "1e9", "٣", "9" * 5_000])
async def test_nonsense_for_a_time_is_refused(files: FileStore, expires: str) -> None:
    assert not files.verify("results/a/1.png", expires, "0" * 64)


@pytest.mark.parametrize("signature", ["", "ü" * 64, "\ud800", "0" * 64])
async def test_nonsense_for_a_signature_is_refused(files: FileStore, signature: str) -> None:
    expires, _ = await parts_of(files)
    assert not files.verify("results/a/1.png", expires, signature)


async def test_stale_names_old_objects_and_drops_what_a_crash_left(files: FileStore, clock: Clock) -> None:
    for key in ("inputs/old", "inputs/new", "results/old/1.png"):
        await files.put(key, b"x", "image/png")
        os.utime(files.root / key, (clock.now, clock.now - (7_200 if "old" in key else 0)))
    half_written = files.root / "inputs" / ".writing-1"
    half_written.write_bytes(b"half a photo")
    os.utime(half_written, (clock.now, clock.now - 7_200))
    assert await files.stale("inputs/", clock.now - 60) == ["inputs/old"]
    assert await files.stale("inputs/none/", clock.now) == []
    assert not half_written.exists()
    assert await files.get("inputs/old") == b"x"


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.ENOSPC, "disk_full", "No space left"),
        (errno.EDQUOT, "disk_full", "No space left"),
        (errno.EACCES, "not_writable", "Give it to the service's user"),
        (errno.EROFS, "not_writable", "Read-only file system"),
        (errno.EIO, "failed", "Input/output error"),
    ],
)
async def test_a_failing_disk_is_explained_and_leaves_nothing_half_written(
    files: FileStore, monkeypatch: pytest.MonkeyPatch, number: int, code: str, words: str
) -> None:
    await files.put("inputs/a", b"before", "image/png")

    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StorageError, match=words) as caught:
            await files.put("inputs/a", b"after", "image/png")
    assert caught.value.code == code
    assert str(files.root) in str(caught.value)
    assert await files.get("inputs/a") == b"before"
    assert [path.name for path in (files.root / "inputs").iterdir()] == ["a"]


async def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("not a folder")
    with pytest.raises(StorageError, match=r"in the way of .*/objects"):
        async with FileStore(tmp_path / "objects", secret=b""):
            pass
    with pytest.raises(StorageError, match="in the way"):
        await FileStore(tmp_path / "objects", secret=b"").check()


async def test_check_leaves_nothing(files: FileStore) -> None:
    await files.check()
    assert list(files.root.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "root"), [("file:data/objects", "data/objects"), ("file:/srv/o", "/srv/o"), ("file:///srv/o", "/srv/o")]
)
def test_file_addresses(url: str, root: str) -> None:
    store = open_store(url, secret=b"")
    assert isinstance(store, FileStore)
    assert store.root == Path(root)
    assert store.origin is None


@pytest.mark.parametrize("url", ["file:", "file://data/objects", "s3:", "s3:///a", "ftp://x/y", "data/objects", ""])
def test_other_addresses_are_explained(url: str) -> None:
    with pytest.raises(StorageError, match=r"must be file:PATH .* or s3://BUCKET/PREFIX"):
        open_store(url, secret=b"")


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("anime.png", "attachment; filename=\"anime.png\"; filename*=UTF-8''anime.png"),
        ('ü";x\r\n.png', "attachment; filename=\"___x.png\"; filename*=UTF-8''%C3%BC%22%3Bx.png"),
        ("../../etc", "attachment; filename=\"....etc\"; filename*=UTF-8''....etc"),
        ("\n", "attachment; filename=\"picture\"; filename*=UTF-8''picture"),
    ],
)
def test_download_names_cannot_break_the_header(filename: str, header: str) -> None:
    assert disposition(filename) == header
