"""Recipes from a file: what is of another type than its field is refused before anything begins, and named."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ugatit import GeneratorConfig
from ugatit.recipe import CriticConfig, DiscriminatorConfig, LossConfig, Recipe, TeacherConfig, merge

TABLES: dict[str, Any] = {
    "generator": GeneratorConfig,
    "discriminator": DiscriminatorConfig,
    "losses": LossConfig,
    "critic": CriticConfig,
    "teacher": TeacherConfig,
}
WEIGHTS = {"critic": {"weights": "file"}, "teacher": {"weights": "folder"}}
NAN, INFINITE = float("nan"), float("inf")
WRONG: dict[Any, list[Any]] = {
    bool: ["no", 1, 0.0, []],
    int: [2.5, INFINITE, "100", True, NAN, [1], {}],
    float: ["10", True, NAN, INFINITE, -INFINITE, 10**400, [1.0]],
    str: [3, False, ["a"], {}],
    tuple[int, int]: [3, "35", [1.0, 2], [True, 2], [1], [1, 2, 3], {}],
}
OTHERS = [3, True, [3], [[]], "both", {"a": 1}]  # for names of kinds and for lists of them


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch = 2.5", "recipe: batch must be a whole number. Received: 2.5"),
        ('steps = "100"', "recipe: steps must be a whole number. Received: '100'"),
        ('augment = "no"', "recipe: augment must be true or false. Received: 'no'"),
        ("seed = -1", "seed must not be negative. Received: -1"),
        ("learning_rate = inf", "recipe: learning_rate must be a finite number. Received: inf"),
        ("start = 3", "recipe: start must be a text. Received: 3"),
        ('[losses]\ncycle = "10"', "losses: cycle must be a finite number. Received: '10'"),
        ("[losses]\ncycle = -10.0", "cycle must not be negative. Received: -10.0"),
        ("[losses]\ncam = nan", "losses: cam must be a finite number. Received: nan"),
        ("[discriminator]\nstrided = 3", "discriminator: strided must be two whole numbers. Received: 3"),
        ("losses = 3", "losses must be a table. Received: 3"),
    ],
)
def test_a_file_with_a_value_of_another_type(tmp_path: Path, text: str, message: str) -> None:
    (file := tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{file}: {message}')}$"):
        Recipe.from_toml(file, {}, dict)


@pytest.mark.parametrize("name", ["recipe", *TABLES])
def test_no_field_takes_a_value_of_another_type(name: str) -> None:
    for field in fields(TABLES.get(name, Recipe)):
        for wrong in [3, "x", [], True] if field.name in TABLES else WRONG.get(field.type, OTHERS):
            one = {field.name: wrong}
            values = one if name == "recipe" else {name: {**WEIGHTS.get(name, {}), **one}}
            with pytest.raises(ValueError, match=f"{field.name} must be .*Received: "):
                Recipe.from_dict(values)


def test_a_whole_number_may_be_written_as_a_power_of_ten(tmp_path: Path) -> None:
    (file := tmp_path / "recipe.toml").write_text('steps = 1e6\nwarm_up = 1e3\n[teacher]\nweights = "w"\nsteps = 5e2\n')
    recipe = Recipe.from_toml(file, {}, dict)
    assert recipe.teacher is not None
    found = [recipe.steps, recipe.warm_up, recipe.teacher.steps]
    assert found == [1_000_000, 1_000, 500]
    assert {type(number) for number in found} == {int}


@pytest.mark.parametrize("weight", ["adversarial", "cycle", "identity", "cam", "penalty", "r1"])
def test_weights_of_losses_are_not_negative(weight: str) -> None:
    assert Recipe.from_dict({"losses": {weight: 0}}).losses == LossConfig(**{weight: 0.0})
    with pytest.raises(ValueError, match=f"{weight} must not be negative. Received: -1"):
        LossConfig(**{weight: -1})


def test_a_table_over_something_else() -> None:
    assert merge({"critic": None}, {"critic": {"size": 96}}) == {"critic": {"size": 96}}
    with pytest.raises(ValueError, match=r"generator must be a table\. Received: 0"):
        merge({"generator": 0}, {"generator": {"image_size": 64}})
