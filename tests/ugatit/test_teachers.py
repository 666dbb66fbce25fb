"""Generators that learn from others before they meet discriminators."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.ugatit.feature_network import NAME, SIZE, begin, critic_of, write_published
from tests.ugatit.networks import write_pair
from tests.ugatit.training import advance, synthetic, tiny_recipe, values, write_data
from ugatit import Direction, GeneratorConfig, load_generator
from ugatit.backends import current_backend
from ugatit.cli import app
from ugatit.pixels import to_floats
from ugatit.recipe import Recipe
from ugatit.teachers import load_teachers
from ugatit.trainer import Trainer

WIDER = GeneratorConfig(base_channels=4, downsamplings=1, blocks=1, image_size=8)
RECIPE = """
batch = 2
warm_up = 1
decay_from = 1.0
precision = "float32"
[generator]
base_channels = 2
downsamplings = 1
blocks = 1
image_size = 8
[discriminator]
strided = [1, 1]
[teacher]
weights = "{weights}"
steps = 2
learning_rate = 0.1
"""


def pupil(folder: Path, *, features: float = 1.0, anchor: float = 0.0, **changes: object) -> Trainer:
    teacher = {"weights": str(folder), "steps": 60, "learning_rate": 0.02, "features": features, "anchor": anchor}
    recipe = tiny_recipe(teacher=teacher, **changes)
    trainer = Trainer(recipe, current_backend())
    trainer.teachers = load_teachers(str(folder), recipe.generator.image_size, "float32")
    return trainer


def far(trainer: Trainer, direction: Direction) -> float:
    """How far what the pupil paints is from what its teacher paints, over unseen pictures."""
    trainer.publish()
    x = to_floats(synthetic(6, 9))
    painted, _ = trainer.networks.generators[direction](x)
    return float(np.abs(np.asarray(painted) - np.asarray(trainer.teachers[direction](x))).mean())


def test_a_pupil_comes_to_paint_as_its_teachers_do(tmp_path: Path) -> None:
    trainer = pupil(write_pair(tmp_path / "teachers", WIDER, WIDER), losses={"identity": 0.0, "cam": 0.0})
    before, distant = values(trainer), [far(trainer, direction) for direction in Direction]
    reports = advance(trainer, 60)
    assert set(reports[0]) == {"taught", "identity", "cam"}
    assert reports[-1]["taught"] < 0.8 * reports[0]["taught"]
    for direction, at_first in zip(Direction, distant, strict=True):
        assert far(trainer, direction) < 0.9 * at_first, direction
    after = values(trainer)
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    still = ("discriminator_", "optimizer/discriminators", "pool_")
    assert moved, "generators and their averages"
    assert not [name for name in moved if name.startswith(still)], "discriminators rest"
    assert {name.split("/")[0] for name in moved} >= {"generator_A", "generator_B", "average"}


@pytest.mark.usefixtures("eagerly")
def test_what_a_critic_sees_of_both_paintings_counts_too(tmp_path: Path) -> None:
    folder, features = write_pair(tmp_path / "teachers", WIDER, WIDER), write_published(tmp_path / "tiny.safetensors")
    moments = []
    for weight in (0.0, 10.0):
        trainer = pupil(folder, critic=critic_of(features), features=weight)
        begin(trainer, features)
        (report,) = advance(trainer, 1)
        assert report["taught_features"] > 0
        after = values(trainer)
        moments.append(after["optimizer/generators/2"])
    assert np.abs(moments[1] - moments[0]).max() > 1e-3

    # A pupil that is its teacher has nothing to learn from it.
    for direction, model in trainer.networks.generators.items():
        trainer.teachers = {**trainer.teachers, direction: lambda x, model=model: model(x)[0]}
    trainer.publish()
    (report,) = advance(trainer, 1)
    assert report["taught"] == pytest.approx(0, abs=1e-5)
    assert report["taught_features"] == pytest.approx(0, abs=1e-4)


@pytest.mark.usefixtures("eagerly")
def test_an_anchor_holds_on_to_them_afterwards(tmp_path: Path) -> None:
    folder, moments = write_pair(tmp_path / "teachers", WIDER, WIDER), []
    for anchor in (0.0, 10.0):
        trainer = pupil(folder, losses={"cycle": 0.0, "cam": 1.0}, anchor=anchor)
        trainer.step = 60
        (report,) = advance(trainer, 1)
        assert ("taught" in report) == (anchor > 0)
        assert "cycle" not in report, "it has no weight, so nothing is painted back"
        assert report["adversarial"] > 0
        moments.append(values(trainer)["optimizer/generators/2"])
    assert np.abs(moments[1] - moments[0]).max() > 1e-3
    assert [trainer.recipe.needs_teacher_at(step) for step in (0, 60, 600)] == [True, True, True]


@pytest.mark.usefixtures("eagerly")
def test_a_run_listens_first_and_needs_its_teacher_no_longer(runner: CliRunner, tmp_path: Path) -> None:
    data, out, teachers = (
        write_data(tmp_path / "data"),
        tmp_path / "out",
        write_pair(tmp_path / "teachers", WIDER, WIDER),
    )
    (recipe := tmp_path / "recipe.toml").write_text(RECIPE.format(weights=teachers))
    features = write_published(tmp_path / "tiny.safetensors")
    with recipe.open("a") as file:
        file.write(f'[critic]\nweights = "{features}"\nnetwork = "{NAME}"\nsize = {SIZE}\n')
    arguments = ["train", "--data", str(data), "--out", str(out)]
    result = runner.invoke(app, [*arguments, "--config", str(recipe), "--steps", "1"])
    assert result.exit_code == 0, result.output
    assert load_generator(out / "selfie2anime.safetensors").config.base_channels == 2, "a shape of its own"

    moved = teachers.rename(tmp_path / "elsewhere")
    result = runner.invoke(app, [*arguments, "--resume", "--steps", "4"])
    assert result.exit_code == 1
    assert "no such file" in result.output.replace("\n", " ")
    moved.rename(teachers)
    result = runner.invoke(app, [*arguments, "--resume", "--steps", "2"])
    assert result.exit_code == 0, result.output
    shutil.rmtree(teachers)
    result = runner.invoke(app, [*arguments, "--resume", "--steps", "4"])
    assert result.exit_code == 0, result.output
    with (out / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2", "4"]
    assert [bool(row["taught"]) for row in rows] == [True, True, False]
    assert [bool(row["discriminator"]) for row in rows] == [False, False, True]
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx([0.1, 0.1, 1e-4])


def test_a_teacher_that_paints_another_size(runner: CliRunner, tmp_path: Path) -> None:
    larger = GeneratorConfig(base_channels=2, image_size=16, blocks=0)
    teachers = write_pair(tmp_path / "teachers", larger, larger)
    data = write_data(tmp_path / "data")
    (recipe := tmp_path / "recipe.toml").write_text(RECIPE.format(weights=teachers))
    result = runner.invoke(app, ["train", "--data", str(data), "--out", str(tmp_path / "out"), "--config", str(recipe)])
    assert result.exit_code == 1
    assert "paints pictures of 16 pixels a side, the run those of 8" in result.output.replace("\n", " ")


def test_how_a_run_with_a_teacher_goes() -> None:
    teacher = {"weights": "run", "steps": 4, "learning_rate": 0.4}
    recipe = tiny_recipe(teacher=teacher, warm_up=2, fade_in=1, learning_rate=1e-4, decay_from=1.0)
    assert [recipe.taught_at(step) for step in (0, 3, 4)] == [True, True, False]
    assert [recipe.needs_teacher_at(step) for step in (0, 3, 4)] == [True, True, False]
    assert [recipe.trains_generators_at(step) for step in range(8)] == [False] * 6 + [True] * 2
    assert [recipe.learning_rate_at(0, step) for step in range(5)] == pytest.approx([0.4, 0.4, 0.4, 0.2, 1e-4])
    assert [recipe.fade_at(step) for step in (6, 7, 8)] == pytest.approx([0.5, 1, 1])
    assert [recipe.average_at(step) for step in (0, 3, 6, 7)] == pytest.approx([1 / 10, 4 / 13, 5 / 14, 6 / 15])
    assert Recipe.from_dict(recipe.to_dict()) == recipe
