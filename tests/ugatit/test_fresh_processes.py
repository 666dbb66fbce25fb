"""What only another process can show: a run that goes on after its process has ended, and the same run on JAX."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.ugatit.feature_network import write_published
from tests.ugatit.networks import write_pair
from tests.ugatit.training import advance, values
from ugatit import GeneratorConfig
from ugatit.trainer import Trainer

SHAPE = GeneratorConfig(base_channels=4, downsamplings=1, blocks=1, image_size=8)  # of teachers
NETWORKS = ("generators", "discriminators", "critic")


def run(backend: str, folder: Path, name: str, steps: int, *options: str) -> dict[str, np.ndarray]:
    """See `tests.ugatit.fresh`."""
    quick = "--xla_backend_optimization_level=0"  # compiling is what takes time here
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": quick}
    environment["JAX_COMPILATION_CACHE_DIR"] = str(folder / "compiled")  # once for both processes
    command = [sys.executable, "-m", "tests.ugatit.fresh", str(steps), str(folder / name), *options]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2], env=environment, stderr=subprocess.DEVNULL)
    with np.load(folder / name) as archive:
        assert str(archive["backend"]) == backend
        return dict(archive)


def agree(straight: dict[str, np.ndarray], resumed: dict[str, np.ndarray]) -> None:
    """Losses from step 10 on, and every variable at the end: weights, averages, moments, spectral norms."""
    names = [name for name in straight if name.startswith("last/")]
    names += [name for name in straight if name.startswith("loss/") and int(name.split("/")[1]) >= 10]
    assert len(names) > 100
    for name in names:
        np.testing.assert_allclose(resumed[name], straight[name], atol=1e-5, err_msg=name)


def test_twenty_steps_are_ten_and_ten_in_another_process(tmp_path: Path) -> None:
    """Both in processes of their own: what this one has imported before may compute with another library's rounding."""
    checkpoint = tmp_path / "checkpoint.safetensors"
    straight = run("tensorflow", tmp_path, "straight.npz", 20, "--save", str(checkpoint), "--at", "10")
    agree(straight, run("tensorflow", tmp_path, "resumed.npz", 10, "--resume", str(checkpoint)))


def test_a_teacher_a_critic_and_penalties_teach_the_same_on_jax(tmp_path: Path) -> None:
    """The first moments of Adam are shares of the gradients of both steps, the first with the teacher alone."""
    options = ("--critic", str(write_published(tmp_path / "tiny.safetensors")))
    options += ("--teacher", str(write_pair(tmp_path / "teachers", SHAPE, SHAPE)))
    on_jax = run("jax", tmp_path, "jax.npz", 2, *options)
    here = run("tensorflow", tmp_path, "tensorflow.npz", 2, *options)
    losses = [name for name in here if name.startswith("loss/")]
    assert {"loss/0/taught", "loss/0/taught_features", "loss/1/critic", "loss/1/critic_adversarial"} <= set(losses)
    for name in losses:
        assert float(on_jax[name]) == pytest.approx(float(here[name]), abs=1e-4, rel=1e-4)
    for name in ("first/optimizer/generators", *(f"last/optimizer/{n}" for n in NETWORKS)):
        moments = f"{name}/2"
        size = np.abs(here[moments]).max()
        assert size > 1e-3
        np.testing.assert_allclose(on_jax[moments] / size, here[moments] / size, atol=1e-4, err_msg=name)


def test_jax_resumes_as_well_and_agrees_with_tensorflow(trainer: Trainer, tmp_path: Path) -> None:
    """After one step from the same seed, the first moments are half of the gradients."""
    checkpoint = tmp_path / "checkpoint.safetensors"
    straight = run("jax", tmp_path, "straight.npz", 20, "--save", str(checkpoint), "--at", "10")
    (report,) = advance(trainer, 1)
    here = values(trainer)
    assert {name: float(straight[f"loss/0/{name}"]) for name in report} == pytest.approx(report, abs=1e-4)
    for name in ("optimizer/generators/2", "optimizer/discriminators/2"):
        size = np.abs(here[name]).max()
        assert size > 1e-3
        np.testing.assert_allclose(straight[f"first/{name}"] / size, here[name] / size, atol=1e-4, err_msg=name)
    spectra = [name for name in here if name.endswith("/u")]
    assert spectra
    for name in spectra:
        np.testing.assert_allclose(straight[f"first/{name}"], here[name], atol=1e-4, err_msg=name)
    agree(straight, run("jax", tmp_path, "resumed.npz", 10, "--resume", str(checkpoint)))
