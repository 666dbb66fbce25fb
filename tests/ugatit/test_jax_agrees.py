"""The same step on JAX, in a process of its own since Keras has one backend a process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.ugatit.training import advance, values
from ugatit.trainer import Trainer


def test_losses_and_gradients_are_those_of_tensorflow(trainer: Trainer, tmp_path: Path) -> None:
    """From the same seed; after one step the first moments are half of the gradients."""
    file = tmp_path / "jax.npz"
    quick = "--xla_backend_optimization_level=0"  # compiling is what takes time here
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": quick}
    command = [sys.executable, "-m", "tests.ugatit.other_backend", "1", str(file)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2], env=environment)
    (report,) = advance(trainer, 1)
    here = values(trainer)
    with np.load(file) as there:
        assert str(there["backend"]) == "jax"
        assert {name: float(there[f"loss/0/{name}"]) for name in report} == pytest.approx(report, abs=1e-4)
        for name in ("optimizer/generators/2", "optimizer/discriminators/2"):
            size = np.abs(here[name]).max()
            assert size > 1e-3
            np.testing.assert_allclose(there[name] / size, here[name] / size, atol=1e-4, err_msg=name)
        spectra = [name for name in here if name.endswith("/u")]
        assert spectra
        for name in spectra:
            np.testing.assert_allclose(there[name], here[name], atol=1e-4, err_msg=name)
