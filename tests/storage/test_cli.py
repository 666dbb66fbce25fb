"""The command line, as an operator uses it: settings come from the environment, each command is run to its end."""

import asyncio
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from storage import Database, FileStore, State, input_key, result_keys
from storage.addresses import DIGEST_SECRET, digest_of
from storage.cli import cli, main
from tests.fakes.s3 import S3Server
from tests.storage.parts import DAY, WAYS, job


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_PATH", str(tmp_path / "data" / "test.db"))
    monkeypatch.setenv("STORAGE_URL", f"file:{tmp_path}/objects")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


async def _deliver(place: Path, *, age: float) -> None:
    then = time.time() - age
    async with (
        Database(place / "data" / "test.db", clock=lambda: then) as database,
        FileStore(place / "objects", secret=b"") as store,
    ):
        await database.jobs.add(job("a", at=then))
        await database.people.set_language("telegram:1", "ja")
        for key in (input_key("a"), *result_keys("a", 2)):
            await store.put(key, b"x", "image/png")
        for step in WAYS[State.DELIVERED]:
            await database.jobs.advance("a", step, results=result_keys("a", 2))


def deliver(place: Path, *, age: float) -> None:
    """One job of telegram:1, with a photo and two pictures, that was delivered `age` seconds ago."""
    asyncio.run(_deliver(place, age=age))


def test_provision_files(place: Path) -> None:
    (place / "objects").mkdir(mode=0o755)
    for _ in range(2):
        result = run("provision")
        assert result.exit_code == 0
        assert f"{place}/data/test.db: ready." in result.output
        assert f"{place}/objects: ready" in result.output
    assert stat.S_IMODE((place / "objects").stat().st_mode) == 0o700


def test_sweep_says_what_it_deleted(place: Path) -> None:
    deliver(place, age=2 * DAY)
    assert run("sweep").output == "Deleted: photos 1, pictures 0, jobs 0, abandoned 0.\n"
    assert run("sweep").output == "Deleted: photos 0, pictures 0, jobs 0, abandoned 0.\n"


def test_sweep_goes_by_the_settings(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(place, age=2 * DAY)
    monkeypatch.setenv("LIMITS_KEEP_RESULTS", "3600")
    assert run("sweep").output == "Deleted: photos 1, pictures 4, jobs 1, abandoned 0.\n"


def test_forget_says_what_it_wiped(place: Path) -> None:
    deliver(place, age=60)
    assert run("forget", "telegram:2").output == "Wiped of telegram:2: jobs 0, photos 0, pictures 0, no settings.\n"
    wiped = run("forget", "telegram:1").output
    assert wiped == "Wiped of telegram:1: jobs 1, photos 1, pictures 4, language and settings.\n"
    assert run("forget", "telegram:1").output == "Wiped of telegram:1: jobs 0, photos 0, pictures 0, no settings.\n"
    assert list((place / "objects").iterdir()) == []


def test_forget_names_a_block_that_stays(place: Path) -> None:
    async def block() -> None:
        async with Database(place / "data" / "test.db") as database:
            await database.people.block("telegram:1", True)

    asyncio.run(block())
    assert run("forget", "telegram:1").output.endswith("telegram:1 stays blocked.\n")


def test_forget_by_the_address_that_a_result_was_mailed_to(place: Path) -> None:
    async def mail() -> None:
        async with Database(place / "data" / "test.db") as database:
            digest = digest_of("ann@example.org", await database.secret(DIGEST_SECRET))
            await database.mails.add("a", "ann@example.org", digest, time.time())
            await database.mails.settle("a")

    deliver(place, age=60)
    asyncio.run(mail())
    nobody = run("forget", "mail:bob@example.org").output
    assert nobody == "Wiped of mail:bob@example.org: jobs 0, photos 0, pictures 0.\n"
    wiped = run("forget", "mail:Ann@example.org").output
    assert wiped == "Wiped of mail:Ann@example.org: jobs 1, photos 1, pictures 4.\n"
    assert list((place / "objects").iterdir()) == []


def test_forget_wants_a_real_address(place: Path) -> None:
    result = run("forget", "mail:ann")
    assert result.exit_code == 2
    assert "no e-mail address" in result.output


def test_backup_says_where_the_copy_is(place: Path) -> None:
    deliver(place, age=60)
    assert run("backup", f"{place}/copy.db").output == f"{place}/copy.db: a copy of {place}/data/test.db.\n"
    assert (place / "copy.db").is_file()


@pytest.mark.parametrize("person", ["telegram", "telegram:", ":1", ""])
def test_forget_wants_a_person(place: Path, person: str) -> None:
    result = run("forget", person)
    assert result.exit_code == 2
    assert "PLATFORM:ID" in result.output


def test_provision_and_forget_in_s3(place: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_URL", "s3://from-the-command-line/bot")
    result = run("provision")
    assert result.exit_code == 0
    assert "s3://from-the-command-line: created." in result.output
    assert "bot/inputs/ after 1 d, bot/results/ after 7 d" in result.output
    assert "strangers are refused" in result.output
    assert run("forget", "telegram:1").exit_code == 0
    assert run("sweep").exit_code == 0


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"STORAGE_URL": "ftp://x"}, "STORAGE_URL = 'ftp://x': must be file:PATH or s3://BUCKET/PREFIX"),
        ({"DATABASE_PATH": "."}, "give file and folder to the service's user, or set DATABASE_PATH."),
        ({"LIMITS_KEEP_INPUTS": "soon"}, "LIMITS_KEEP_INPUTS = 'soon': input should be a valid integer"),
    ],
)
def test_an_error_is_one_message_and_status_1(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    words: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["storage", "sweep"])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert ended.value.code == 1
    assert words in shown.err
    assert shown.out == ""


def test_it_runs_as_a_module_and_leaves_no_thread_behind(place: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "DATABASE_PATH": "."}
    command = [sys.executable, "-W", "error", "-m", "storage", "sweep"]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "give file and folder to the service's user" in done.stderr
