"""Every option of a recipe trains: losses are finite, everything that learns moves, and what is exported follows."""

from typing import Any

import numpy as np
import pytest

from tests.ugatit.training import advance, synthetic, tiny_recipe, values
from ugatit.augment import Batches
from ugatit.backends import current_backend
from ugatit.trainer import Trainer

PYTORCH = {"dialect": "pytorch", "smoothing": False}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    "changes",
    [
        {"losses": {"gan": "gan"}, "generator": {"light": False}},
        {"losses": {"gan": "hinge"}, "generator": PYTORCH},
        {"losses": {"gan": "wgan-gp"}, "augment": False},
        {"losses": {"gan": "wgan-lp"}, "generator": {**PYTORCH, "light": False}},
        {"losses": {"gan": "dragan"}, "batch": 1},
        {"precision": "bfloat16"},
    ],
    ids=lambda changes: ", ".join(f"{name}={value}" for name, value in changes.items()),
)
def test_it_trains(changes: dict[str, Any]) -> None:
    trainer = Trainer(tiny_recipe(learning_rate=1e-2, weight_decay=0.0, **changes), current_backend())
    before = values(trainer)
    (report,) = advance(trainer, 1)
    after = values(trainer)
    assert np.isfinite(list(report.values())).all()
    for name in (name for name in after if not name.startswith(("optimizer/", "pool_"))):
        assert after[name].dtype == np.float32, name
        assert np.isfinite(after[name]).all(), name
    for network in ("generator_A", "generator_B", "discriminator_A", "discriminator_B", "average/generator_B"):
        kernels = [name for name in after if name.startswith(f"{network}/") and name.endswith("kernel")]
        moved = sum(not np.array_equal(before[name], after[name]) for name in kernels)
        assert moved > 0.7 * len(kernels), network  # an MLP this narrow may begin with no unit awake


def test_one_pair_is_learnt_by_heart(trainer: Trainer) -> None:
    """The moving average as well: its own cycle comes nearer to the picture."""
    a, b = synthetic(1, 1), synthetic(1, 2)
    batch = Batches(a, b, trainer.recipe.batch, 0, augment=False).at(0)
    trainer.recipe = tiny_recipe(learning_rate=1e-2, average=0.9)
    reports = [{k: float(v) for k, v in trainer.train(batch, 0.0).items()} for _ in range(60)]
    for name in ("cycle", "identity", "cam"):
        assert np.mean([r[name] for r in reports[-10:]]) < 0.8 * reports[0][name], name
