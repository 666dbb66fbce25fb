"""What the tests of the network share. One compiled trainer for all: tracing takes longer than hundreds of steps of
networks as small as these."""

from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from tests.ugatit.training import tiny_recipe
from ugatit.backends import current_backend
from ugatit.trainer import Trainer


@pytest.fixture(scope="session")
def compiled() -> tuple[Trainer, dict[str, np.ndarray]]:
    trainer = Trainer(tiny_recipe(), current_backend())
    return trainer, {name: variable.numpy().copy() for name, variable in trainer.networks.state.items()}


@pytest.fixture
def trainer(compiled: tuple[Trainer, dict[str, np.ndarray]]) -> Trainer:
    """As it was when it was made."""
    trainer, start = compiled
    for name, variable in trainer.networks.state.items():
        variable.assign(start[name])
    trainer.adopt()
    trainer.recipe, trainer.step, trainer.pairs = tiny_recipe(), 0, 0
    return trainer


@pytest.fixture
def eagerly() -> Iterator[None]:
    """For a single step of another graph: tracing it would take longer."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")  # the command sets what is unset; here that ends with the test
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    return CliRunner()
