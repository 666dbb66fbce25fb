"""Earlier pictures that discriminators and critic go on judging."""

from dataclasses import replace

import numpy as np
import pytest

from tests.ugatit.training import SIZE, synthetic, tiny_batches, tiny_recipe, values
from ugatit.backends import current_backend
from ugatit.direction import Direction
from ugatit.pixels import to_floats
from ugatit.pool import Pool
from ugatit.trainer import Trainer

TO_B, TO_A = Direction.SELFIE2ANIME, Direction.ANIME2SELFIE
IT, STAYS = 0.0, 0.9  # draws: whether an earlier one is taken
PAINTED = to_floats(synthetic(8, 3))


def exchange(pool: Pool, pictures: np.ndarray, *draws: tuple[float, float]) -> np.ndarray:
    return np.asarray(pool.exchange(TO_B, pictures, np.array(draws, "float32")))


def held(pool: Pool) -> np.ndarray:
    return to_floats(np.asarray(pool.named[f"pool_{TO_B}/pictures"].value))


def test_pictures_are_kept_until_it_is_full_and_then_exchanged() -> None:
    pool = Pool(3, SIZE)
    np.testing.assert_array_equal(exchange(pool, PAINTED[:2], (0.5, IT), (0.5, IT)), PAINTED[:2])
    np.testing.assert_array_equal(exchange(pool, PAINTED[2:3], (0.0, IT)), PAINTED[2:3])
    np.testing.assert_allclose(held(pool), PAINTED[:3], atol=1e-6)

    np.testing.assert_array_equal(exchange(pool, PAINTED[3:4], (0.5, STAYS)), PAINTED[3:4])
    np.testing.assert_allclose(held(pool), PAINTED[:3], atol=1e-6)

    np.testing.assert_allclose(exchange(pool, PAINTED[4:5], (0.5, IT)), PAINTED[1:2], atol=1e-6)
    np.testing.assert_allclose(held(pool), PAINTED[[0, 4, 2]], atol=1e-6)
    assert not np.asarray(pool.named[f"pool_{TO_A}/pictures"].value).any(), "every direction has its own"


def test_of_one_batch_the_later_pictures_may_meet_the_earlier_ones() -> None:
    pool = Pool(1, SIZE)
    out = exchange(pool, PAINTED[:3], (0.0, IT), (0.99999994, IT), (0.5, IT))
    np.testing.assert_allclose(out, PAINTED[[0, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(held(pool), PAINTED[2:3], atol=1e-6)


def test_levels_are_rounded_and_cut() -> None:
    pool = Pool(1, SIZE)
    for value, kept in ((-1.2, -1.0), (1.2, 1.0), (0.0017, 1 / 255), (0.0, 1 / 255)):
        exchange(pool, np.full((1, SIZE, SIZE, 3), value, "float32"), (0.0, IT))
        np.testing.assert_allclose(held(pool)[0], kept, atol=1e-6)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(("draw", "differs"), [(IT, True), (STAYS, False)])
def test_discriminators_judge_what_comes_out(draw: float, differs: bool) -> None:
    losses = []
    for level in (0, 255):
        trainer = Trainer(tiny_recipe(pool=1, batch=1), current_backend())
        assert trainer.networks.pool is not None
        for name, variable in trainer.networks.pool.named.items():
            variable.assign(np.full(variable.shape, level if name.endswith("pictures") else 1))
        trainer.adopt()
        batch = tiny_batches(trainer.recipe).at(0)
        exchanges = np.full((2, 1, 2), draw, "float32")
        report = trainer.train(replace(batch, draws=batch.draws._replace(exchanges=exchanges)), 0.0)
        losses.append(float(report["discriminator"]))
        kept = [v for name, v in values(trainer).items() if name.startswith("pool_") and name.endswith("pictures")]
        assert [len(np.unique(pictures)) > 1 for pictures in kept] == [differs, differs], (
            "painted ones took their place"
        )
    assert (abs(losses[0] - losses[1]) > 1e-3) == differs
