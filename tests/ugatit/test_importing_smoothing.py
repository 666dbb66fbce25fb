"""Whether an imported AdaLIN takes 0.1 off rho: what was asked for, the file, the folder's name, rho, the default."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.ugatit.checkpoints import random_weights, tensorflow_variables, write_tensorflow
from tests.ugatit.networks import TINY, random_pictures
from tests.ugatit.reference import Reference
from ugatit import bundled_weights, load_generator, read_header
from ugatit.cli import app
from ugatit.importing import import_checkpoint

NAME = "UGATIT_light_selfie2anime_lsgan_4resblock_6dis_1_1_10_10_1000"


def _write(folder: Path, limit: float = 1.0) -> dict[str, np.ndarray]:
    """A checkpoint in which rho was held below a limit; the weights of its generator."""
    weights = random_weights(TINY)
    for name in weights:
        if name.endswith("instance_layer_norm/rho"):
            weights[name] = np.clip(weights[name], 0, np.float32(limit))
    write_tensorflow(folder / "UGATIT.model-1000000", tensorflow_variables({"generator_B": weights}))
    return weights


@pytest.mark.parametrize(
    ("folder", "limit", "given", "smoothed", "because"),
    [
        (f"{NAME}_sn_smoothing", 1.0, None, True, "the folder's name"),
        (f"{NAME}_smoothing", 1.0, None, True, "the folder's name"),
        (f"{NAME}_sn", 1.0, None, False, "the folder's name"),
        (NAME, 1.0, None, False, "the folder's name"),
        ("UGATIT_faces_sn", 0.9, None, False, "the folder's name"),
        (f"{NAME}_sn_smoothing", 0.9, None, False, "rho ends at 0.9"),
        ("checkpoint", 0.9, None, False, "rho ends at 0.9"),
        ("checkpoint", 0.89, None, True, "default"),
        ("UGATIT_selfie2anime", 1.0, None, True, "default"),
        ("checkpoint", 0.9, True, True, "asked for"),
        (f"{NAME}_sn_smoothing", 1.0, False, False, "asked for"),
    ],
)
def test_what_decides(
    tmp_path: Path, folder: str, limit: float, given: bool | None, smoothed: bool, because: str
) -> None:
    _write(tmp_path / folder, limit)
    out = tmp_path / "out.safetensors"
    done = import_checkpoint(tmp_path / folder, out, image_size=16, smoothing=given)
    assert done.config == read_header(out).config == replace(TINY, smoothing=smoothed)
    assert done.smoothing.startswith("on, " if smoothed else "off, ")
    assert because in done.smoothing


def test_the_folder_is_known_from_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / f"{NAME}_sn")
    monkeypatch.chdir(tmp_path / f"{NAME}_sn")
    assert not import_checkpoint(".", tmp_path / "out.safetensors").config.smoothing


def test_early_smoothing_uses_rho_as_it_is(tmp_path: Path) -> None:
    weights = _write(tmp_path / f"{NAME}_sn_smoothing", 0.9)
    out = tmp_path / "out.safetensors"
    import_checkpoint(tmp_path / f"{NAME}_sn_smoothing", out, image_size=16)
    picture = random_pictures(TINY, 1)
    expected = Reference(replace(TINY, smoothing=False), weights)(picture[0])
    assert np.abs(np.asarray(load_generator(out)(picture))[0] - expected).max() < 1e-4


def test_own_files_say_it(tmp_path: Path) -> None:
    done = import_checkpoint(bundled_weights(), tmp_path / "out.safetensors")
    assert done.smoothing == "on, as the file says"


def test_both_commands_say_which_and_why(runner: CliRunner, tmp_path: Path) -> None:
    _write(tmp_path / "run" / f"{NAME}_sn_smoothing")
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "run"))
    sha256, out = hashlib.sha256(archive.read_bytes()).hexdigest(), tmp_path / "out.safetensors"
    one = ["import", str(tmp_path / "run" / f"{NAME}_sn_smoothing"), "--out", str(out)]
    other = ["fetch-weights", str(archive), "--sha256", sha256, "--out", str(out)]
    for arguments in (one, other):
        said = runner.invoke(app, arguments)
        assert said.exit_code == 0, said.output
        lines = [line.split(None, 1)[1] for line in said.output.splitlines() if line.startswith("smoothing:")]
        assert lines == [f"on, as the folder's name says ({NAME}_sn_smoothing)"]
        assert read_header(out).config.smoothing
        assert runner.invoke(app, [*arguments, "--no-smoothing"]).exit_code == 0
        assert not read_header(out).config.smoothing
