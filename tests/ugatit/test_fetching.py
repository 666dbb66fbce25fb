"""Weights from an address: whole, resumed, or refused."""

import hashlib
import io
import re
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner

from tests.fakes.s3 import s3_server
from tests.ugatit.checkpoints import random_weights, tensorflow_variables, write_tensorflow
from tests.ugatit.networks import TINY
from ugatit import read_header
from ugatit.cli import app
from ugatit.fetching import FetchError, fetch, unpack

DATA = bytes(range(256)) * 40
HASH = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    ranges = True
    asked: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append(wanted)
        begin = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        if begin >= len(DATA):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(DATA) - begin))
        self.end_headers()
        self.wfile.write(DATA[begin:])

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _address(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/weights.bin"


@pytest.mark.parametrize(("have", "ranges"), [(0, True), (1000, True), (1000, False), (len(DATA), True)])
def test_goes_on_where_it_was(tmp_path: Path, server: Server, have: int, ranges: bool) -> None:
    server.ranges = ranges
    (tmp_path / "w.part").write_bytes(DATA[:have])
    fetch(_address(server), tmp_path / "w", sha256=HASH)
    assert (tmp_path / "w").read_bytes() == DATA
    assert server.asked == [f"bytes={have}-" if have else None]
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


@pytest.mark.parametrize(
    ("sha256", "size", "message"),
    [("0" * 64, None, "not the file"), (HASH, 100, "longer than 100"), (HASH, 20_000, "ended after")],
)
def test_another_file_is_refused(tmp_path: Path, server: Server, sha256: str, size: int | None, message: str) -> None:
    with pytest.raises(FetchError, match=message):
        fetch(_address(server), tmp_path / "w", sha256=sha256, size=size)
    assert not (tmp_path / "w").exists()


def test_an_archive_that_leads_outside_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("../outside.index", b"x")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("../outside.index"), io.BytesIO())
    for name in ("a.zip", "a.tar"):
        (tmp_path / name[2:]).mkdir()
        with pytest.raises(FetchError):
            unpack(tmp_path / name, tmp_path / name[2:])
    assert not (tmp_path / "outside.index").exists()


LIGHT, FULL = "run/UGATIT_light_sn/m-1.index", "run/UGATIT_sn/m-2.index"


@pytest.mark.parametrize("name", ["a2b.pt", "a2b.pth"])
def test_weights_of_torch_are_a_zip_that_stays_one(tmp_path: Path, name: str) -> None:
    weights = _packed(tmp_path, "zip", ["a2b/data.pkl"]).rename(tmp_path / name)
    assert unpack(weights, tmp_path / "unpacked") == weights


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("members", "inside", "chosen"),
    [
        (["__MACOSX/run/._m-1.index", "run/m-1.index", "run/m-2.index"], None, "run"),
        (["__MACOSX/a_latest.pt", "run/._a_latest.pt", "run/a_params_0000010.pt"], None, "run/a_params_0000010.pt"),
        (["._m-1.index", "run/m-1.index"], None, "run"),
        (["m-1.index"], None, "."),
        (["a2b_params_0100000.pt", "a2b_params_0900000.pt", "a2b_params_latest.pt"], None, "a2b_params_latest.pt"),
        (["a2b_params_1000000.pt", "a2b_params_900000.pt", "a2b.pt"], None, "a2b_params_1000000.pt"),
        (["a2b_params_0100000.pt", "a2b_params_latest.pt"], "a2b_params_0100000.pt", "a2b_params_0100000.pt"),
        (["a2b_params_0100000.pth"], None, "a2b_params_0100000.pth"),
        ([LIGHT, FULL], "run/UGATIT_sn/", "run/UGATIT_sn"),
    ],
)
def test_which_checkpoint_of_an_archive(
    tmp_path: Path, kind: str, members: list[str], inside: str | None, chosen: str
) -> None:
    archive, folder = _packed(tmp_path, kind, members), tmp_path / "unpacked"
    assert unpack(archive, folder, inside) == folder / chosen


@pytest.mark.parametrize(
    ("members", "inside", "message"),
    [
        ([LIGHT, FULL], None, "several checkpoints. Say which with --inside: run/UGATIT_light_sn, run/UGATIT_sn."),
        ([LIGHT, FULL], "UGATIT_sn", "no checkpoint UGATIT_sn. Say which with --inside: run/UGATIT_light_sn, run"),
        (
            ["a_latest.pt", "b_latest.pt"],
            None,
            "several checkpoints. Say which with --inside: a_latest.pt, b_latest.pt",
        ),
        (["__MACOSX/m-1.index", "._a.pt"], None, "holds neither"),
    ],
)
def test_an_archive_that_leaves_it_open(tmp_path: Path, members: list[str], inside: str | None, message: str) -> None:
    with pytest.raises(FetchError, match=re.escape(message)):
        unpack(_packed(tmp_path, "zip", members), tmp_path / "unpacked", inside)


def _packed(tmp_path: Path, kind: str, members: list[str]) -> Path:
    for name in members:
        path = tmp_path / "content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return Path(shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path / "content"))


def test_the_command_asks_which_and_is_told(tmp_path: Path) -> None:
    for name, config in (("one", TINY), ("two", replace(TINY, light=False))):
        variables = tensorflow_variables({"generator_B": random_weights(config)})
        write_tensorflow(tmp_path / "runs" / name / "UGATIT.model-1", variables)
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "runs"))
    sha256, out = hashlib.sha256(archive.read_bytes()).hexdigest(), tmp_path / "w.safetensors"
    arguments = ["fetch-weights", str(archive), "--sha256", sha256, "--out", str(out)]
    asked = CliRunner().invoke(app, arguments)
    assert asked.exit_code == 1
    assert "--inside: one, two." in asked.output
    told = CliRunner().invoke(app, [*arguments, "--inside", "two"])
    assert told.exit_code == 0, told.output
    assert not read_header(out).config.light


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_a_packed_checkpoint_is_imported(tmp_path: Path, kind: str) -> None:
    prefix = tmp_path / "run" / "model" / "UGATIT.model-1000000"
    write_tensorflow(prefix, tensorflow_variables({"generator_B": random_weights(TINY)}))
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path / "run"))
    sha256, out = hashlib.sha256(archive.read_bytes()).hexdigest(), tmp_path / "out" / "w.safetensors"
    arguments = ["fetch-weights", str(archive), "--sha256", sha256, "--out", str(out), "--image-size", "16"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert read_header(out).config == TINY
    assert [path.name for path in out.parent.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize("kind", ["zip", "gztar"])
def test_an_archive_without_its_folder_has_the_name_of_it(tmp_path: Path, kind: str) -> None:
    name = "UGATIT_light_selfie2anime_lsgan_4resblock_6dis_1_1_10_10_1000_sn"
    variables = tensorflow_variables({"generator_B": random_weights(TINY)})
    write_tensorflow(tmp_path / "run" / "UGATIT.model-1000000", variables)
    archive = Path(shutil.make_archive(str(tmp_path / name), kind, tmp_path / "run"))
    sha256, out = hashlib.sha256(archive.read_bytes()).hexdigest(), tmp_path / "w.safetensors"
    arguments = ["fetch-weights", str(archive), "--sha256", sha256, "--out", str(out), "--image-size", "16"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    header = read_header(out)
    assert not header.config.smoothing
    assert header.provenance["imported"] == f"{name} (TensorFlow release)"


def test_from_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server(tmp_path / "server") as bucket:
        for name, value in bucket.environment.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.put_object(Bucket=bucket.bucket, Key="deep/w.bin", Body=DATA)
        client.close()
        for have in (0, 1000, len(DATA)):
            (tmp_path / "w.part").write_bytes(DATA[:have])
            fetch(f"s3://{bucket.bucket}/deep/w.bin", tmp_path / "w", sha256=HASH)
            assert (tmp_path / "w").read_bytes() == DATA
        with pytest.raises(FetchError, match="404"):
            fetch(f"s3://{bucket.bucket}/none", tmp_path / "none", sha256=HASH)
