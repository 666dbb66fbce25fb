"""One step, recipes, and checkpoints that do not fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ugatit.training import advance, tiny_recipe, values
from ugatit.backends import cpu_has_bfloat16, current_backend
from ugatit.checkpoint import CheckpointError, Position, load_checkpoint, read_checkpoint, save_checkpoint
from ugatit.recipe import Recipe
from ugatit.trainer import Trainer, policy_of


def trainer_of(recipe: Recipe) -> Trainer:
    return Trainer(recipe, current_backend())


def test_what_a_step_changes(trainer: Trainer) -> None:
    trainer.recipe = tiny_recipe(learning_rate=0.5)
    before = values(trainer)
    assert set(advance(trainer, 1)[0]) == {"discriminator", "adversarial", "cycle", "identity", "cam"}
    after = values(trainer)
    assert all(not np.array_equal(before[name], value) for name, value in after.items() if "kernel" in name)
    rhos = np.concatenate([value for name, value in after.items() if name.endswith("rho") and "average" not in name])
    assert rhos.min() == 0  # steps of 0.5 lead out of [0, 1] on either side
    assert rhos.max() == 1
    share = 1 - trainer.recipe.average_at(0)
    for name in (name for name in before if name.startswith("generator_")):
        expected = before[name] + share * (after[name] - before[name])
        np.testing.assert_allclose(after[f"average/{name}"], expected, atol=1e-6, err_msg=name)


@pytest.mark.usefixtures("eagerly")
def test_between_generator_updates_and_l2() -> None:
    """First moments after one step are (1 - beta_1) times the gradient; L2 adds to those of kernels alone."""
    moments = []
    for decay in (0.0, 0.5):
        trainer = trainer_of(tiny_recipe(n_critic=2, weight_decay=decay))
        trainer.step = 1
        before = values(trainer)
        assert set(advance(trainer, 1)[0]) == {"discriminator"}
        after = values(trainer)
        still = ("generator_", "average/", "optimizer/generators")
        assert all(np.array_equal(before[name], after[name]) for name in before if name.startswith(still))
        judging = [name for name in before if name.startswith("discriminator_") and name.endswith(("kernel", "/u"))]
        assert not any(np.array_equal(before[name], after[name]) for name in judging)
        moments.append(after["optimizer/discriminators/2"])
    end = 0
    for kernel in (v.reshape(-1) for n, v in before.items() if n.startswith("discriminator_") and n.endswith("kernel")):
        pulled = slice(end, end + len(kernel))
        np.testing.assert_allclose(moments[1][pulled], moments[0][pulled] + 0.5 * 0.5 * kernel, atol=1e-5)
        end += len(kernel)
    np.testing.assert_allclose(moments[1][end:], moments[0][end:], atol=1e-5)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(("weight", "gan", "least"), [("penalty", "dragan", 1.0), ("r1", "lsgan", 1e-3)])
def test_penalties_reach_the_discriminators(weight: str, gan: str, least: float) -> None:
    """Fresh ones are flat: their gradients are far from the norm of 1, and near that of 0."""
    losses, moments = [], []
    for value in (0.0, 10.0):
        trainer = trainer_of(tiny_recipe(n_critic=2, losses={"gan": gan, weight: value}))
        trainer.step = 1
        losses.append(advance(trainer, 1)[0]["discriminator"])
        moments.append(values(trainer)["optimizer/discriminators/2"])
        assert np.isfinite(moments[-1]).all()
    assert losses[1] > losses[0] + least
    assert np.abs(moments[1] - moments[0]).max() > 1e-3


@pytest.mark.usefixtures("eagerly")
def test_judges_may_learn_at_a_rate_of_their_own() -> None:
    """Adam's first step is the learning rate for every weight with a gradient well above its epsilon."""
    for rate in (1.0, 3.0):
        trainer = trainer_of(tiny_recipe(learning_rate=1e-3, weight_decay=0, judges_rate=rate))
        before = values(trainer)
        advance(trainer, 1)
        moved = {name: np.abs(value - before[name]).max() for name, value in values(trainer).items()}
        kernels = {name: value for name, value in moved.items() if name.endswith("kernel")}
        judging = [value for name, value in kernels.items() if name.startswith("discriminator_")]
        painting = [value for name, value in kernels.items() if name.startswith("generator_")]
        assert max(judging) == pytest.approx(1e-3 * rate, rel=1e-3)
        assert max(painting) == pytest.approx(1e-3, rel=1e-3)


def test_recipes() -> None:
    recipe = tiny_recipe(decay_from=0.5, learning_rate=1e-4)
    assert [recipe.learning_rate_at(p, 0) for p in (0, 0.5, 0.75, 1)] == pytest.approx([1e-4, 1e-4, 5e-5, 0])
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    backend = current_backend()
    assert policy_of(tiny_recipe(precision="bfloat16"), backend) == "mixed_bfloat16"
    assert cpu_has_bfloat16("flags : fpu avx512_bf16\n")
    assert not cpu_has_bfloat16("flags : fpu avx2\nbugs : amx_bf16\n")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 0}, "batch must be at least 1. Received: 0"),
        ({"losses": {"gan": "magic"}}, "gan must be one of"),
        ({"losses": {"r1": -1}}, "r1 must not be negative. Received: -1"),
        ({"losses": {"cycel": 1}}, "losses: unknown fields. Received: cycel"),
        ({"pool": -1}, "pool must not be negative. Received: -1"),
        ({"judges_rate": -0.5}, "judges_rate must not be negative. Received: -0.5"),
        ({"precision": "float16"}, "precision must be one of"),
        ({"discriminator": {"strided": [1, 2]}}, "at least 12. Received: 8"),
        ({"teacher": {"steps": 3}}, "teacher: weights must name a folder"),
        ({"teacher": {"weights": "run", "steps": 0}}, "the teacher's steps must be at least 1. Received: 0"),
        ({"teacher": {"weights": "run", "features": -1}}, "the teacher's features must not be negative. Received: -1"),
        ({"speed": 1}, "recipe: unknown fields. Received: speed"),
    ],
)
def test_recipes_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_recipe(**changes)


def test_checkpoints_that_cannot_be(trainer: Trainer, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(CheckpointError, match="no such file"):
        read_checkpoint(path)
    save_checkpoint(path, trainer.networks.state, trainer.recipe, Position())
    wider = trainer_of(tiny_recipe(generator={"base_channels": 4}))
    before = values(wider)
    with pytest.raises(CheckpointError, match=r"has shape .* not .*Resume with the recipe it began with"):
        load_checkpoint(path, wider.networks.state)
    assert all(np.array_equal(before[name], value) for name, value in values(wider).items())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors: cut short"):
        read_checkpoint(path)
    assert list(tmp_path.iterdir()) == [path]
