"""What only another process can show: a run that goes on after its process has ended, and the same run on JAX.

All in processes of their own: what this one has imported before may compute with another library's rounding.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.ugatit.feature_network import write_published
from tests.ugatit.networks import write_pair
from ugatit import GeneratorConfig

SHAPE = GeneratorConfig(base_channels=4, downsamplings=1, blocks=1, image_size=8)  # of teachers

BACKENDS = ("tensorflow", "jax")
NETWORKS = ("generators", "discriminators", "critic")
Archive = dict[str, np.ndarray]


def run(backend: str, folder: Path, name: str, steps: int, *options: str) -> Archive:
    """See `tests.ugatit.fresh`."""
    quick = "--xla_backend_optimization_level=0"  # compiling is what takes time here
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": quick}
    environment["JAX_COMPILATION_CACHE_DIR"] = str(folder / "compiled")  # once for both processes
    given = ("--critic", str(folder / "tiny.safetensors"), "--teacher", str(folder / "teachers"))
    command = [sys.executable, "-m", "tests.ugatit.fresh", str(steps), str(folder / name), *given, *options]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2], env=environment, stderr=subprocess.DEVNULL)
    with np.load(folder / name) as archive:
        assert str(archive["backend"]) == backend
        return dict(archive)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh")
    write_published(folder / "tiny.safetensors")
    write_pair(folder / "teachers", SHAPE, SHAPE)
    return folder


@pytest.fixture(scope="module")
def straight(folder: Path) -> dict[str, Archive]:
    """Twenty steps on either backend, with a checkpoint after ten. Compiling uses little more than one core each."""

    def of(backend: str) -> Archive:
        return run(backend, folder, f"{backend}.npz", 20, "--save", str(folder / backend), "--at", "10")

    with ThreadPoolExecutor() as pool:
        return dict(zip(BACKENDS, pool.map(of, BACKENDS), strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_twenty_steps_are_ten_and_ten_in_another_process(
    folder: Path, straight: dict[str, Archive], backend: str
) -> None:
    """Losses from step 10 on, and every variable at the end: weights, averages, moments, spectral norms, pools."""
    resumed = run(backend, folder, "resumed.npz", 10, "--resume", str(folder / backend))
    names = [name for name in straight[backend] if name.startswith("last/")]
    names += [name for name in straight[backend] if name.startswith("loss/") and int(name.split("/")[1]) >= 10]
    assert len(names) > 100
    for name in names:
        np.testing.assert_allclose(resumed[name], straight[backend][name], atol=1e-5, err_msg=name)


def test_both_backends_agree(straight: dict[str, Archive]) -> None:
    """The first moments of Adam are shares of the gradients of the steps before."""
    here, on_jax = straight["tensorflow"], straight["jax"]
    losses = [name for name in here if name.startswith(("loss/0/", "loss/1/"))]
    assert {"loss/0/taught", "loss/0/taught_features", "loss/1/discriminator", "loss/1/critic"} <= set(losses)
    for name in losses:
        assert float(on_jax[name]) == pytest.approx(float(here[name]), abs=1e-4, rel=1e-4)
    learning = ("after/0/optimizer/generators", *(f"after/1/optimizer/{n}" for n in NETWORKS))
    for name in (f"{optimizer}/2" for optimizer in learning):
        size = np.abs(here[name]).max()
        assert size > 1e-3
        np.testing.assert_allclose(on_jax[name] / size, here[name] / size, atol=1e-4, err_msg=name)
    spectra = [name for name in here if name.startswith("after/1/") and name.endswith("/u")]
    assert spectra
    for name in spectra:
        np.testing.assert_allclose(on_jax[name], here[name], atol=1e-4, err_msg=name)
