"""notebooks/train.ipynb, run as it stands but for its first cell, on a few tiny pictures in a bucket."""

from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from typer.testing import CliRunner

from tests.fakes.s3 import s3_server
from tests.service import ROOT
from tests.ugatit.training import write_pictures
from ugatit.bucket import Bucket, open_client
from ugatit.checkpoint import read_checkpoint
from ugatit.cli import app

NOTEBOOK = ROOT / "notebooks" / "train.ipynb"
SIZE = 16
RECIPE = f"""
precision = "float32"
[generator]
image_size = {SIZE}
base_channels = 2
downsamplings = 1
blocks = 1
[discriminator]
strided = [1, 1]
cap = 4
"""


def test_it_holds_no_outputs() -> None:
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


@pytest.mark.usefixtures("eagerly")
def test_it_pulls_goes_on_evaluates_and_pushes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    write_pictures(tmp_path / "faces", SIZE, {"trainA": 2, "trainB": 2, "testA": 2, "testB": 2})
    (tmp_path / "recipe.toml").write_text(RECIPE)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "features.npz", generated=rng.normal(size=(8, 4)), reference=rng.normal(size=(8, 4)))
    with s3_server(tmp_path / "server") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        data, out = (f"s3://{server.bucket}/{name}" for name in ("faces", "runs/first"))
        with open_client() as client:
            Bucket(data, tmp_path / "faces", client).push()
            # What another machine has trained before; here without compiling, which takes most of the time.
            before = ["--config", str(tmp_path / "recipe.toml"), "--steps", "1", "--cache", str(tmp_path / "before")]
            result = CliRunner().invoke(app, ["train", "--data", data, "--out", out, *before])
            assert result.exit_code == 0, result.output

            words = run(tmp_path, {"DATA": data, "OUT": out, "FEATURES": str(tmp_path / "features.npz")}, steps=3)
            assert "goes on" in words
            assert "from step 1" in words
            assert "done: 3 steps, 3 pairs" in words
            assert "samples-0000003.jpg" in words
            assert "KID x 100" in words
            copy = Bucket(out, tmp_path / "copy", client)
            copy.pull()
            assert read_checkpoint(copy.folder / "checkpoint.safetensors").position.step == 3
            assert (copy.folder / "scores" / "scores.json").exists(), "pushed back"


def test_without_features_it_says_that_nothing_was_scored(capsys: pytest.CaptureFixture[str]) -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (source,) = (cell.source for cell in cells if "FEATURES is None" in cell.source)
    exec(source, {"FEATURES": None})
    assert "Not evaluated" in capsys.readouterr().out


def run(folder: Path, parameters: dict[str, Any], steps: int) -> str:
    """Everything it prints."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    options = ["--config", str(folder / "recipe.toml"), "--steps", str(steps)]
    values = {**parameters, "CACHE": "cache", "MINUTES": 60, "OPTIONS": options}
    assert all(f"{name} = " in first.source for name in values), "the first cell has the parameters"
    first.source = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/jpeg" in output.get("data", {}) for output in outputs), "samples are shown"
    return "".join(output.get("text", "") for output in outputs)
