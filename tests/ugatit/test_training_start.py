"""`python -m ugatit train --start`: from weights that there are, with a warm-up; critic and pool may join later."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from safetensors import safe_open
from typer.testing import CliRunner

from tests.ugatit.feature_network import NAME, SIZE, write_published
from tests.ugatit.networks import random_pictures, weights_of, write_pair
from tests.ugatit.training import write_data
from ugatit import Direction, GeneratorConfig, load_generator
from ugatit.checkpoint import read_checkpoint
from ugatit.cli import app
from ugatit.recipe import Recipe
from ugatit.starting import Growth, growth, shaped_as_start

SHAPE = GeneratorConfig(base_channels=2, downsamplings=1, blocks=1, image_size=8)
RECIPE = """
warm_up = 1
fade_in = 3
batch = 2
learning_rate = 0.1
precision = "float32"
[discriminator]
strided = [1, 1]
"""


def painted_by(folder: Path) -> dict[str, np.ndarray]:
    return {
        f"{direction} {name}": value
        for direction in Direction
        for name, value in weights_of(load_generator(folder / f"{direction}.safetensors", direction=direction)).items()
    }


@pytest.mark.usefixtures("eagerly")
def test_from_weights_that_there_are_and_critic_and_pool_join(runner: CliRunner, tmp_path: Path) -> None:
    data, out, start = write_data(tmp_path / "data"), tmp_path / "out", write_pair(tmp_path / "start", SHAPE, SHAPE)
    (recipe := tmp_path / "recipe.toml").write_text(RECIPE)
    arguments = ["train", "--data", str(data), "--out", str(out)]

    result = runner.invoke(app, [*arguments, "--config", str(recipe), "--start", str(start), "--steps", "1"])
    assert result.exit_code == 0, result.output
    saved = read_checkpoint(out / "checkpoint.safetensors").recipe
    assert (saved.generator, saved.start) == (SHAPE, str(start)), "the shape is that of the weights"
    begun, after = painted_by(start), painted_by(out)
    assert all(np.array_equal(begun[name], after[name]) for name in begun), "generators stand still at first"

    features = write_published(tmp_path / "tiny.safetensors")
    critic = f'[critic]\nweights = "{features}"\nnetwork = "{NAME}"\nsize = {SIZE}\n'
    recipe.write_text("pool = 2\n" + RECIPE + critic)
    shutil.rmtree(start)  # it is not needed any more
    joined = ["--config", str(recipe), "--start", str(start), "--resume"]
    result = runner.invoke(app, [*arguments, *joined, "--steps", "2"])
    assert result.exit_code == 0, result.output
    moved = painted_by(out)
    assert not any(np.array_equal(after[name], moved[name]) for name in after if name.endswith("kernel"))
    saved = read_checkpoint(out / "checkpoint.safetensors").recipe
    assert (saved.critic is not None, saved.pool) == (True, 2)
    with (out / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2"]
    assert rows[0]["critic"] == "", "there was none"
    assert float(rows[1]["critic"]) > 0

    features.unlink()
    result = runner.invoke(app, [*arguments, "--resume", "--steps", "3"])
    assert result.exit_code == 0, "the checkpoint has what it needs of both"

    for steps, pool in (("4", 3), ("5", 0)):
        recipe.write_text(f"pool = {pool}\n" + RECIPE + critic)
        result = runner.invoke(app, [*arguments, "--config", str(recipe), "--resume", "--steps", steps])
        assert result.exit_code == 0, "a pool of another size begins anew"
        with safe_open(out / "checkpoint.safetensors", "numpy") as file:
            sizes = {file.get_slice(name).get_shape()[0] for name in file.keys() if name.endswith("/pictures")}  # noqa: SIM118
        assert sizes == ({pool} if pool else set())


def start_and_first_step(
    runner: CliRunner, tmp_path: Path, small: GeneratorConfig, large: GeneratorConfig
) -> list[tuple[keras.Model, keras.Model]]:
    """A pair of small networks, and what a run for large ones exports before its generators move; by direction."""
    data, out, start = write_data(tmp_path / "data"), tmp_path / "out", write_pair(tmp_path / "start", small, small)
    shape = "".join(f"{name} = {getattr(large, name)}\n" for name in ("image_size", "pixel_shuffle", "base_channels"))
    (recipe := tmp_path / "recipe.toml").write_text(f"{RECIPE}[generator]\n{shape}")
    given = ["--config", str(recipe), "--start", str(start), "--steps", "1"]
    result = runner.invoke(app, ["train", "--data", str(data), "--out", str(out), *given])
    assert result.exit_code == 0, result.output
    return [
        (load_generator(start / f"{d}.safetensors", direction=d), load_generator(out / f"{d}.safetensors", direction=d))
        for d in Direction
    ]


def assert_same_but_larger(small: keras.Model, large: keras.Model, within: float) -> None:
    pictures, side = random_pictures(large.config), small.config.image_size
    times = large.config.image_size // side
    shrunk = pictures.reshape(2, side, times, side, times, 3).mean((2, 4))
    expected = np.asarray(small(shrunk)).repeat(times, 1).repeat(times, 2)
    assert np.abs(np.asarray(large(pictures)) - expected).max() < within, "float16 is what is saved"


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("block", [1, 2])
def test_a_run_for_larger_pictures_begins_with_what_the_smaller_network_paints(
    runner: CliRunner, tmp_path: Path, block: int
) -> None:
    small = replace(SHAPE, image_size=8 * block, pixel_shuffle=block)
    large = replace(small, image_size=16 * block, pixel_shuffle=2 * block)
    for begun, after in start_and_first_step(runner, tmp_path, small, large):
        assert after.config == large
        assert_same_but_larger(begun, after, 2e-3)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("kind", "size"), [({}, 2), ({"light": False}, 1), ({"dialect": "pytorch", "smoothing": False}, 1)]
)
def test_a_run_with_more_channels_begins_with_what_the_narrow_network_paints(
    runner: CliRunner, tmp_path: Path, kind: dict[str, Any], size: int
) -> None:
    narrow = replace(SHAPE, **kind)
    wide = replace(narrow, base_channels=6, image_size=8 * size, pixel_shuffle=size)
    for begun, after in start_and_first_step(runner, tmp_path, narrow, wide):
        assert after.config == wide
        assert_same_but_larger(begun, after, 4e-3)
        copies = weights_of(after)["resblock_0/res1/conv_0/conv2d/kernel"].reshape(9, 3, narrow.width, 3, narrow.width)
        assert np.abs(copies[:, 0] - copies[:, 1]).mean() > 0.1 * np.abs(copies).mean(), "no two copies learn the same"


@pytest.mark.parametrize(
    ("changes", "grown"),
    [
        ({}, Growth()),
        ({"image_size": 16, "pixel_shuffle": 2}, Growth(size=2)),
        ({"image_size": 24, "pixel_shuffle": 3}, Growth(size=3)),
        ({"base_channels": 8}, Growth(width=4)),
        ({"base_channels": 4, "image_size": 16, "pixel_shuffle": 2}, Growth(2, 2)),
        ({"base_channels": 3}, Growth()),
        ({"base_channels": 1}, Growth()),
        ({"base_channels": 4, "blocks": 2}, Growth()),
        ({"image_size": 16}, Growth()),
        ({"image_size": 16, "pixel_shuffle": 2, "blocks": 2}, Growth()),
        ({"image_size": 4}, Growth()),
        ({"image_size": 18}, Growth()),
    ],
)
def test_what_makes_a_network_of_a_smaller_one(changes: dict[str, int], grown: Growth) -> None:
    assert growth(SHAPE, replace(SHAPE, **changes)) == grown


@pytest.mark.usefixtures("eagerly")
def test_a_log_of_a_run_with_a_critic_has_its_losses(runner: CliRunner, tmp_path: Path) -> None:
    data, out = write_data(tmp_path / "data"), tmp_path / "out"
    features = write_published(tmp_path / "tiny.safetensors")
    table = '[generator]\nbase_channels = 2\ndownsamplings = 1\nblocks = 1\nimage_size = 8\n[critic]\nweights = "{}"\n'
    (recipe := tmp_path / "recipe.toml").write_text(
        RECIPE + table.format(features) + f'network = "{NAME}"\nsize = {SIZE}\n'
    )
    result = runner.invoke(
        app, ["train", "--data", str(data), "--out", str(out), "--config", str(recipe), "--steps", "2"]
    )
    assert result.exit_code == 0, result.output
    with (out / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[-1]["step"] == "2"
    assert float(rows[-1]["critic"]) > 0
    assert np.isfinite(float(rows[-1]["critic_adversarial"]))


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("nowhere", "selfie2anime.safetensors, nowhere/anime2selfie.safetensors: no such file"),
        ("bundled:none", "no bundled weights are called 'none'"),
    ],
)
def test_a_start_that_is_not_there(runner: CliRunner, tmp_path: Path, start: str, message: str) -> None:
    result = runner.invoke(app, ["train", "--data", "x", "--out", str(tmp_path / "out"), "--start", start])
    assert result.exit_code == 1
    assert message in result.output.replace("\n", "")


def test_a_start_of_two_shapes_takes_the_larger_one(tmp_path: Path) -> None:
    wide = replace(SHAPE, base_channels=4)
    for shapes in ((SHAPE, wide), (wide, SHAPE)):
        start = write_pair(tmp_path / f"start{shapes[0].base_channels}", *shapes)
        values = shaped_as_start({"start": str(start), "losses": {"cam": 1.0}})
        assert values == {"start": str(start), "losses": {"cam": 1.0}, "generator": wide.to_dict()}


def test_a_start_of_two_shapes(runner: CliRunner, tmp_path: Path) -> None:
    start = write_pair(tmp_path / "start", SHAPE, replace(SHAPE, blocks=0))
    result = runner.invoke(app, ["train", "--data", "x", "--out", str(tmp_path / "out"), "--start", str(start)])
    assert result.exit_code == 1
    assert "networks of different shapes" in result.output.replace("\n", " ")


def test_how_a_run_that_starts_with_weights_goes() -> None:
    sizes = {"generator": SHAPE.to_dict(), "discriminator": {"strided": [1, 1]}}
    recipe = Recipe.from_dict({**sizes, "warm_up": 2, "fade_in": 3, "n_critic": 2})
    assert [recipe.trains_generators_at(step) for step in range(6)] == [False, False, True, False, True, False]
    assert [recipe.fade_at(step) for step in range(2, 7)] == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert [recipe.average_at(step) for step in (2, 4, 6)] == pytest.approx([1 / 10, 2 / 11, 3 / 12])
    assert replace(recipe, start="bundled:fast").average_at(2) == recipe.average, "nothing random is to be forgotten"
