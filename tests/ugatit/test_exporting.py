"""Exported networks paint in their own runtimes what they paint in Keras."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.ugatit.networks import TINY, random_generator, random_pictures
from ugatit import GeneratorConfig
from ugatit.cli import app
from ugatit.exporting import saved_model, tflite
from ugatit.exporting.errors import ExportError
from ugatit.exporting.exporter import TOLERANCE, Format, export_generator
from ugatit.loading import save_generator

SHUFFLED = replace(TINY, pixel_shuffle=2, image_size=32)


@pytest.mark.parametrize(("form", "module"), [("saved-model", saved_model), ("tflite", tflite)])
@pytest.mark.parametrize("shape", [TINY, SHUFFLED], ids=["as published", "blocks of pixels"])
def test_paints_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, module: object, shape: GeneratorConfig
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    weights, out = tmp_path / "w.safetensors", tmp_path / "deep" / "net"
    save_generator(random_generator(shape), weights, provenance={}, half=False)
    arguments = ["export", "--weights", str(weights), "--format", form, "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert f"{form}, differs from Keras by" in result.output
    pictures = random_pictures(shape, 3, seed=7)
    expected = np.asarray(random_generator(shape)(pictures))
    assert np.abs(module.paint(out, pictures) - expected).max() <= TOLERANCE  # type: ignore[attr-defined]
    assert [path.name for path in out.parent.iterdir()] == ["net"]
    again = CliRunner().invoke(app, arguments)
    assert (again.exit_code, "there is something already" in again.output) == (1, True)


def test_what_paints_otherwise_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_model, "export", lambda generator, path: path.write_text("x"))
    monkeypatch.setattr(saved_model, "paint", lambda path, pictures: pictures)
    with pytest.raises(ExportError, match="differs from Keras by"):
        export_generator(random_generator(TINY), tmp_path / "net", Format.SAVED_MODEL)
    assert list(tmp_path.iterdir()) == []


def test_says_that_nothing_can_check_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ugatit.exporting import onnx

    monkeypatch.setattr(onnx, "export", lambda generator, path: path.write_text("x"))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    done = export_generator(random_generator(TINY), tmp_path / "net.onnx", Format.ONNX)
    assert (done.difference, done.missing) == (None, "pip install onnxruntime")


def test_openvino_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ExportError, match="pip install openvino"):
        export_generator(random_generator(TINY), tmp_path / "net.xml", Format.OPENVINO)
    assert list(tmp_path.iterdir()) == []
