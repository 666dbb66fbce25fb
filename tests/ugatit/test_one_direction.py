"""A run that trains one of the two directions."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.ugatit.feature_network import begin, critic_of, write_published
from tests.ugatit.networks import write_pair
from tests.ugatit.training import SIZE, advance, tiny_recipe, values, write_data
from ugatit import Direction, GeneratorConfig
from ugatit.backends import current_backend
from ugatit.cli import app
from ugatit.memory import memory_of
from ugatit.recipe import Recipe
from ugatit.teachers import load_teachers
from ugatit.trainer import Trainer

SHAPE = GeneratorConfig(base_channels=2, downsamplings=1, blocks=1, image_size=SIZE)
RECIPE = """
batch = 2
precision = "float32"
directions = ["{direction}"]
[discriminator]
strided = [1, 1]
[losses]
cycle = 0.0
"""


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("direction", Direction)
def test_it_learns_what_it_learns_beside_the_other(tmp_path: Path, direction: Direction) -> None:
    """Losses without a cycle join nothing of both, so that neither weights nor judges may know of it."""
    features, teachers = write_published(tmp_path / "tiny.safetensors"), write_pair(tmp_path / "t", SHAPE, SHAPE)
    options = {
        "critic": {**critic_of(features), "r1": 0.5},
        "losses": {"cycle": 0.0, "r1": 1.0},
        "teacher": {"weights": str(teachers), "steps": 1, "learning_rate": 1e-3, "anchor": 2.0},
    }
    both = Trainer(tiny_recipe(**options), current_backend())
    alone = Trainer(tiny_recipe(**options, directions=[str(direction)]), current_backend())
    for trainer in (both, alone):
        begin(trainer, features)
        trainer.teachers = load_teachers(str(teachers), SIZE, "float32", trainer.recipe.directions)
    assert set(alone.teachers) == {direction}
    for name, variable in alone.networks.state.items():
        if not name.startswith("optimizer/"):
            variable.assign(both.networks.state[name])
    alone.adopt()
    before = values(alone)
    for trainer in (both, alone):
        losses = advance(trainer, 3)
        assert {"taught", "taught_features"} <= set(losses[0])
        assert {"discriminator", "critic", "taught"} <= set(losses[2])
    beside, after = values(both), values(alone)
    assert len(after) < 0.7 * len(beside)
    for name in (name for name in after if not name.startswith("optimizer/")):
        np.testing.assert_allclose(after[name], beside[name], atol=2e-5, err_msg=name)
    kernels = [name for name in after if name.endswith("kernel") and not name.startswith("critic/")]
    assert sum(not np.array_equal(before[name], after[name]) for name in kernels) > 0.8 * len(kernels)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("direction", Direction)
def test_it_needs_no_weights_of_the_other_and_leaves_none(
    runner: CliRunner, tmp_path: Path, direction: Direction
) -> None:
    data, out, start = write_data(tmp_path / "data"), tmp_path / "out", write_pair(tmp_path / "start", SHAPE, SHAPE)
    (start / f"{direction.reverse}.safetensors").unlink()
    (recipe := tmp_path / "recipe.toml").write_text(RECIPE.format(direction=direction))
    arguments = ["train", "--data", str(data), "--out", str(out)]
    result = runner.invoke(app, [*arguments, "--config", str(recipe), "--start", str(start), "--steps", "1"])
    assert result.exit_code == 0, result.output
    result = runner.invoke(app, [*arguments, "--resume", "--steps", "2"])
    assert result.exit_code == 0, result.output
    assert "2 steps" in result.output
    assert [path.name for path in out.glob("*2*.safetensors")] == [f"{direction}.safetensors"]

    recipe.write_text(RECIPE.format(direction=direction.reverse))
    result = runner.invoke(app, [*arguments, "--config", str(recipe), "--resume", "--steps", "3"])
    assert result.exit_code == 1
    assert "Resume with the recipe it began with" in result.output.replace("\n", " ")


def test_what_it_takes() -> None:
    both = tiny_recipe(losses={"cycle": 0.0})
    alone = tiny_recipe(losses={"cycle": 0.0}, directions=["selfie2anime"])
    assert both.directions == tuple(Direction)
    assert alone.directions == (Direction.SELFIE2ANIME,)
    assert Recipe.from_dict(alone.to_dict()) == alone
    halved = [memory_of(recipe) - 2**30 for recipe in (both, alone)]
    assert halved[1] == pytest.approx(halved[0] / 2, abs=2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"directions": ["selfie2anime"]}, "one direction alone has no cycle: set losses.cycle to 0"),
        ({"directions": ["selfie2manga"]}, "directions must be one or both of selfie2anime, anime2selfie"),
        ({"directions": "selfie2anime"}, "directions must be one or both of"),
        ({"directions": []}, "directions must be one or both of"),
    ],
)
def test_what_it_cannot_be(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_recipe(**values)
