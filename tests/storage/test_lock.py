"""The lock that keeps a second service off the database: whom it stops, and who lets it go."""

import errno
import multiprocessing
import os
import subprocess
import sys
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from storage import StorageError
from storage.lock import sole_service

HOLDER = """
import pathlib, sys, time
from storage.lock import sole_service
with sole_service(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_one_is_told_which_database_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "data" / "jobs.db"
    with sole_service(path):
        with pytest.raises(StorageError) as refused, sole_service(path):
            pass
        assert (
            str(refused.value) == f"Another service already runs on the database {path}: stop it, or set DATABASE_PATH."
        )
    with sole_service(path):
        pass


def test_nobody_else_may_open_its_file(tmp_path: Path) -> None:
    with sole_service(tmp_path / "jobs.db"):
        assert (tmp_path / "jobs.db.lock").stat().st_mode & 0o777 == 0o600


def test_a_link_leads_to_the_same_lock(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "jobs.db")
    with sole_service(tmp_path / "jobs.db"), pytest.raises(StorageError), sole_service(tmp_path / "link.db"):
        pass


def test_a_killed_one_holds_it_no_more(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StorageError), sole_service(path):
            pass
        holder.kill()
    with sole_service(path):
        pass


def test_what_it_started_does_not_hold_it(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    spawn = multiprocessing.get_context("spawn")
    end, running = spawn.Event(), spawn.Event()
    with sole_service(path):
        child = spawn.Process(target=_stay, args=(running, end))
        child.start()
        other = subprocess.Popen(["sleep", "600"])
        running.wait()
    try:
        with sole_service(path):
            pass
    finally:
        end.set()
        child.join()
        other.kill()
        other.wait()


def _stay(running: Event, end: Event) -> None:
    running.set()
    end.wait()


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with pytest.raises(StorageError, match=r"/proc/jobs\.db.*set DATABASE_PATH"), sole_service(Path("/proc/jobs.db")):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_that_knows_no_locks_is_no_matter_of_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(StorageError) as refused, sole_service(path := tmp_path / "jobs.db"):
        pass
    reason = f"{path}.lock: {os.strerror(number)}"
    expected = f"The folder of DATABASE_PATH can't be locked ({reason}): put the database on a local disk."
    assert str(refused.value) == expected


def test_a_lock_of_another_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(StorageError) as refused, sole_service(path := tmp_path / "jobs.db"):
        pass
    expected = f"Cannot write {path}.lock (Permission denied): give it and its folder to the service's user"
    assert str(refused.value) == f"{expected}, or set DATABASE_PATH."
