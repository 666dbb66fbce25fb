"""The backends: which there are, on what they compute, and that all of them paint the same picture."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ugatit
from config import load_settings
from inference import choice
from inference.choice import Choice, Measured
from inference.engine import Engine
from inference.engine_process import Spec
from inference.errors import EngineFailed
from inference.networks import Backend, devices, precision

WEIGHTS = ugatit.bundled_weights("fast")
EXACT = Choice(Backend.TENSORFLOW, "float32")


@pytest.mark.parametrize(
    ("flags", "asked", "expected"),
    [
        ("fpu sse avx avx2", "auto", "float32"),
        ("fpu avx512f avx512_bf16", "auto", "bfloat16"),
        ("fpu amx_bf16 amx_tile", "auto", "bfloat16"),
        ("fpu avx2", "bfloat16", "bfloat16"),
        ("fpu avx512_bf16", "float32", "float32"),
    ],
)
def test_bfloat16_where_the_processor_has_it(
    flags: str, asked: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(precision, "CPUINFO", cpuinfo)

    assert precision.on_processor(asked) == expected


@pytest.mark.parametrize(
    ("device", "count", "index"),
    [("auto", 0, None), ("auto", 2, 0), ("cpu", 2, None), ("gpu:0", 1, 0), ("gpu:1", 2, 1)],
)
def test_devices(device: str, count: int, index: int | None) -> None:
    assert devices.gpu(device, count, "TensorFlow") == index


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="gpu:2, but JAX sees 1"):
        devices.gpu("gpu:2", 1, "JAX")


async def test_every_installed_backend_paints_the_same_picture_and_the_quickest_is_remembered(tmp_path: Path) -> None:
    settings = load_settings(database_path=tmp_path / "jobs.db", model_batch=2)
    possible = choice.candidates(settings)
    assert {Backend.TENSORFLOW, Backend.JAX} <= {each.backend for each in possible}
    graphs = choice.graphs(settings)
    spec = Spec("", WEIGHTS, ugatit.read_config(WEIGHTS).image_size, "cpu", "auto", (1, 2), graphs=graphs)

    measured = await choice.measure(spec, possible)

    assert all(each.good and each.pace for each in measured), measured
    # In float32 no more than roundings of single bytes; bfloat16, where it is native, is good enough by the line above.
    exact = [each for each in measured if precision.on_processor(each.choice.precision) == "float32"]
    assert min(each.psnr or 0 for each in exact) > 48
    best = choice.remember(settings, WEIGHTS, measured)
    assert best == max(measured, key=lambda each: each.pace or 0).choice
    assert choice.choose(settings, WEIGHTS) == best
    assert len(list(graphs.iterdir())) == 1  # for the next start with OpenVINO, in any precision


def test_openvino_tells_nobody_that_it_runs(tmp_path: Path) -> None:
    """Left alone it reports its import to its makers, from every machine, and keeps an identity for that at home."""
    code = """
import sys
import ugatit
from inference.engine_process import Spec
from inference.networks.openvino import load
weights = ugatit.bundled_weights("fast")
load(Spec("", weights, ugatit.read_config(weights).image_size, "cpu", "float32", (1,)))
assert "openvino.tools.ovc" in sys.modules  # which is what reports
print("told by", sys.modules.get("openvino_telemetry"))
"""
    home = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=home, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "told by None", done.stderr
    assert not (tmp_path / "intel").exists()


def test_what_was_measured_counts_under_the_same_conditions_alone(tmp_path: Path) -> None:
    settings = load_settings(database_path=tmp_path / "jobs.db")
    jax = Choice(Backend.JAX, "auto")
    wrong = Measured(Choice(Backend.OPENVINO, "auto"), 99.0, 20.0)
    assert choice.choose(settings, WEIGHTS).backend is Backend.TENSORFLOW
    assert choice.remember(settings, WEIGHTS, [Measured(EXACT, 1.0, 60.0), Measured(jax, 2.0, 60.0), wrong]) == jax
    assert choice.choose(settings, WEIGHTS) == jax

    others = [
        (settings.model_copy(update={"model_batch": 2}), WEIGHTS),
        (settings, ugatit.bundled_weights("fast-anime2selfie")),
        (settings.model_copy(update={"model_backend": "tensorflow"}), WEIGHTS),
    ]
    assert [choice.choose(*other).backend for other in others] == [Backend.TENSORFLOW] * 3
    note = tmp_path / choice.NAME
    changed = json.loads(note.read_text())
    changed["of"]["packages"]["jax"] = "0.0.1"
    for text in (json.dumps(changed), "{", "[]", "{}"):
        note.write_text(text)
        assert choice.choose(settings, WEIGHTS).backend is Backend.TENSORFLOW


def test_nothing_is_remembered_where_nothing_ran(tmp_path: Path) -> None:
    settings = load_settings(database_path=tmp_path / "jobs.db")
    assert choice.remember(settings, WEIGHTS, [Measured(EXACT, None, None, "no such device")]) is None
    assert not (tmp_path / choice.NAME).exists()


def test_a_backend_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineFailed, match="MODEL_BACKEND=torch needs a package that is not installed: pip install"):
        choice.candidates(load_settings(model_backend="torch"))


async def test_what_can_not_run_is_measured_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Spec("", WEIGHTS, ugatit.read_config(WEIGHTS).image_size, "cpu", "auto", (1,))

    class Broken(Engine):
        async def warmed(self) -> None:
            if self.spec.loader == Backend.TORCH.loader:
                raise EngineFailed("no module named torch")

        async def run(self, batch: np.ndarray, *, reverse: bool = False) -> object:
            return type("Done", (), {"batch": batch, "seconds": 0.5})()

        async def __aenter__(self) -> "Broken":
            self.limit = 4
            return self

        async def __aexit__(self, *_: object) -> None: ...

    monkeypatch.setattr(choice, "Engine", Broken)
    torch = Choice(Backend.TORCH, "auto")
    quick, broken = await choice.measure(replace(spec, buckets=(4,)), [EXACT, torch])
    assert (quick.pace, quick.good) == (8.0, True)
    assert (broken.pace, broken.good, broken.why) == (None, False, "no module named torch")
