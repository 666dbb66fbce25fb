"""Training with pictures and outputs in a bucket, against a server that checks signatures."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from typer.testing import CliRunner

from tests.fakes.s3 import S3Server, s3_server
from tests.ugatit.test_training_cli import RECIPE
from tests.ugatit.training import write_data
from ugatit.bucket import Bucket, BucketError, open_client
from ugatit.checkpoint import read_checkpoint
from ugatit.cli import app


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def client(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with open_client() as client:
        yield client


@pytest.fixture
def root(server: S3Server, request: pytest.FixtureRequest) -> str:
    return f"s3://{server.bucket}/{request.node.name}"


def test_what_is_the_same_is_not_transferred_again(client: Any, root: str, tmp_path: Path) -> None:
    here, there = Bucket(root, tmp_path / "here", client), Bucket(root, tmp_path / "there", client)
    (here.folder / "deep").mkdir()
    (here.folder / "deep" / "a.txt").write_text("one")
    (here.folder / "b.txt").write_text("two")
    (here.folder / ".hidden").write_text("stays")
    assert (here.push(), here.push(), here.pull()) == (2, 0, 0)
    assert (there.pull(), there.pull(), there.push()) == (2, 0, 0)
    assert (there.folder / "deep" / "a.txt").read_text() == "one"
    assert not (there.folder / ".hidden").exists()

    (there.folder / "b.txt").write_text("three")
    assert Bucket(root, there.folder, client).push() == 1, "a new process knows as well"
    assert here.pull() == 1
    assert (here.folder / "b.txt").read_text() == "three"


def test_a_file_whose_push_was_missed_stays(client: Any, root: str, tmp_path: Path) -> None:
    bucket = Bucket(root, tmp_path, client)
    (tmp_path / "log.csv").write_text("1\n")
    bucket.push()
    (tmp_path / "log.csv").write_text("1\n2\n")
    assert bucket.pull() == 0
    assert (tmp_path / "log.csv").read_text() == "1\n2\n"


def test_an_interrupted_file_goes_on_and_another_version_does_not(client: Any, root: str, tmp_path: Path) -> None:
    source, target = Bucket(root, tmp_path / "source", client), tmp_path / "target"
    (source.folder / "big.bin").write_bytes(content := bytes(range(256)) * 100)
    source.push()
    etag = json.loads((source.folder / ".bucket.jsonl").read_text())["etag"].strip('"')
    target.mkdir()
    (target / f".big.bin.{etag[:12]}.part").write_bytes(b"x" * 1000)  # marked, to see that it is not fetched again
    (target / ".big.bin.0123456789ab.part").write_bytes(b"y" * 2000)
    assert Bucket(root, target, client).pull() == 1
    assert (target / "big.bin").read_bytes() == b"x" * 1000 + content[1000:]


def test_a_mirror_loses_what_is_gone_there_and_keeps_what_is_its_own(client: Any, root: str, tmp_path: Path) -> None:
    source, copy = Bucket(root, tmp_path / "source", client), Bucket(root, tmp_path / "copy", client)
    for name in ("a.png", "b.png", "c.txt"):
        (source.folder / name).write_text(name)
    source.push()
    (copy.folder / "own.png").write_text("own")
    assert copy.pull(lambda name: name.endswith(".png"), mirror=True) == 2
    client.delete_object(Bucket=root.split("/")[2], Key=f"{root.split('/')[3]}/a.png")
    assert copy.pull(lambda name: name.endswith(".png"), mirror=True) == 0
    assert {path.name for path in copy.folder.glob("[!.]*")} == {"b.png", "own.png"}


def test_one_zip_file(client: Any, root: str, tmp_path: Path) -> None:
    source = Bucket(root, tmp_path / "source", client)
    for name in ("faces.zip", "faces.zip.old"):
        (source.folder / name).write_text(name)
    source.push()
    one = Bucket(f"{root}/faces.zip", tmp_path / "one", client)
    assert one.pull() == 1
    assert one.path.read_text() == "faces.zip"


@pytest.mark.parametrize("address", ["pictures/x", "s3://", "s3:/pictures/x", "https://pictures/x"])
def test_an_address_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(BucketError, match="s3://bucket/prefix"):
        Bucket(address, tmp_path, None)


def test_settings_that_make_no_client_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_PROFILE", "none-such")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    result = CliRunner().invoke(app, ["train", "--data", "s3://x/y", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "none-such" in result.output


def test_a_bucket_that_is_not_there_is_named(client: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with pytest.raises(BucketError, match="s3://none-such/p/a: "):
        Bucket("s3://none-such/p", tmp_path, client).push()
    with pytest.raises(BucketError, match="s3://none-such/p/: "):
        Bucket("s3://none-such/p", tmp_path, client).pull()


@pytest.mark.usefixtures("eagerly")
def test_trained_in_a_bucket_and_resumed_on_another_machine(
    client: Any, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    write_data(tmp_path / "source")
    Bucket(f"{root}/faces", tmp_path / "source", client).push()
    (tmp_path / "recipe.toml").write_text(RECIPE)
    places = ["--data", f"{root}/faces", "--out", f"{root}/faces/run"]
    size = ["--config", str(tmp_path / "recipe.toml"), "--image-size", "8", "--base-channels", "2", "--steps"]

    def train(machine: str, *arguments: str) -> Any:
        return CliRunner().invoke(app, ["train", *places, "--cache", str(tmp_path / machine), *arguments])

    result = train("one", *size, "1")
    assert result.exit_code == 0, result.output
    assert f"weights and sheets in {root}/faces/run" in result.output

    again = train("two", *size, "1")
    assert again.exit_code == 1
    assert f"{root}/faces/run: there is a run already" in again.output

    result = train("two", "--resume", "--steps", "2")
    assert result.exit_code == 0, result.output
    copy = Bucket(f"{root}/faces/run", tmp_path / "copy", client)
    copy.pull()
    assert read_checkpoint(copy.folder / "checkpoint.safetensors").position.step == 2
    assert [line.split(",")[0] for line in (copy.folder / "log.csv").read_text().splitlines()] == ["step", "1", "2"]
    assert {"samples-0000001.jpg", "samples-0000002.jpg", "selfie2anime.safetensors", "anime2selfie.safetensors"} <= {
        path.name for path in copy.folder.iterdir()
    }
    assert len(list((copy.folder / "events").iterdir())) == 2


@pytest.mark.usefixtures("eagerly")
def test_a_push_that_fails_does_not_end_the_training_and_is_told_at_its_end(
    client: Any, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload(path: str, bucket: str, key: str) -> None:
        raise EndpointConnectionError(endpoint_url="https://far.example")

    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    data = write_data(tmp_path / "data")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    arguments = ["train", "--data", str(data), "--out", f"{root}/run", "--cache", str(tmp_path / "cache")]
    size = ["--config", str(tmp_path / "recipe.toml"), "--image-size", "8", "--base-channels", "2", "--steps", "1"]
    monkeypatch.setattr(Bucket, "push", _failing(Bucket.push, upload))
    result = CliRunner().invoke(app, [*arguments, *size])
    assert result.exit_code == 1
    assert "not pushed, will be tried again" in result.output
    assert "far.example" in result.output
    monkeypatch.undo()
    assert list((tmp_path / "cache").rglob("checkpoint.safetensors")), "nothing is lost"


def test_no_pictures_there_is_said_with_the_address(client: Any, root: str, tmp_path: Path) -> None:
    arguments = ["train", "--data", f"{root}/none", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    result = CliRunner().invoke(app, [*arguments, "--image-size", "16", "--base-channels", "2"])
    assert result.exit_code == 1
    assert f"{root}/none: neither trainA" in result.output.replace("\n", " ")


def _failing(push: Any, upload: Any) -> Any:
    def failing(bucket: Bucket) -> int:
        bucket._client.upload_file = upload
        return push(bucket)

    return failing
