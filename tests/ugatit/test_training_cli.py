"""`python -m ugatit train` as somebody types it."""

import csv
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from typer.testing import CliRunner

from tests.ugatit.training import write_data
from ugatit import Direction, load_generator, read_header, training_cli
from ugatit.checkpoint import read_checkpoint
from ugatit.cli import app
from ugatit.trainer import Trainer

RECIPE = """
steps = 50
seed = 3
[generator]
downsamplings = 1
blocks = 1
[discriminator]
strided = [1, 1]
"""
SHAPE = """
[generator]
image_size = 8
base_channels = 2
downsamplings = 1
blocks = 1
[discriminator]
strided = [1, 1]
"""


def stop_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.train

    def stopped(trainer: Trainer, *args: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return step(trainer, *args)

    monkeypatch.setattr(Trainer, "train", stopped)


@pytest.mark.usefixtures("eagerly")
def test_stopped_by_a_signal_and_resumed(runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, out = write_data(tmp_path / "data"), tmp_path / "out"
    (tmp_path / "recipe.toml").write_text(RECIPE)
    size = ["--image-size", "8", "--base-channels", "2", "--batch", "2", "--precision", "float32"]
    arguments = ["train", "--data", str(data), "--out", str(out)]
    stop_after_each_step(monkeypatch)
    result = runner.invoke(app, [*arguments, "--config", str(tmp_path / "recipe.toml"), *size])
    assert result.exit_code == 0, result.output
    assert "stopped, go on with --resume: 1 steps, 2 pairs" in result.output
    saved = read_checkpoint(out / "checkpoint.safetensors")
    assert (saved.position.step, saved.recipe.seed, saved.recipe.steps, saved.recipe.batch) == (1, 3, 50, 2)
    monkeypatch.undo()

    again = runner.invoke(app, arguments)
    assert again.exit_code == 1
    assert "there is a run already" in again.output

    result = runner.invoke(app, [*arguments, "--resume", "--steps", "2"])
    assert result.exit_code == 0, result.output
    assert "done: 2 steps, 4 pairs" in result.output
    with (out / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2"]
    assert [float(row["pairs_per_second"]) for row in rows] == [0, 0], "the step that compiles has no pace"
    absent = {"critic", "critic_adversarial", "taught", "taught_features"}
    assert all(np.isfinite(float(value)) for row in rows for name, value in row.items() if name not in absent)
    assert all(row[name] == "" for row in rows for name in absent)
    with Image.open(out / "samples-0000002.jpg") as sheet:
        assert sheet.size == (8 * 64, 4 * 64)
    for direction in Direction:
        header = read_header(out / f"{direction}.safetensors")
        assert header.directions == (direction,)
        assert (header.provenance["pairs"], header.provenance["recipe"]["seed"]) == (4, 3)
        assert np.isfinite(np.asarray(load_generator(out / f"{direction}.safetensors")(np.zeros((1, 8, 8, 3))))).all()
    tf.config.run_functions_eagerly(False)  # reading records warns, in some orders of tests, that it does not obey
    tags = {
        value.tag
        for path in (out / "events").iterdir()
        for record in tf.data.TFRecordDataset(str(path))
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value
    }
    assert {"cycle", "cam", "pairs_per_second", "samples"} <= tags


@pytest.mark.usefixtures("eagerly")
def test_a_file_changes_of_a_run_that_goes_on_what_it_names(runner: CliRunner, tmp_path: Path) -> None:
    out, began = tmp_path / "out", tmp_path / "began.toml"
    began.write_text("batch = 2\npool = 2\ndecay_from = 1.0\n[losses]\ncam = 50.0\n" + SHAPE)
    arguments = ["train", "--data", str(write_data(tmp_path / "data")), "--out", str(out)]
    result = runner.invoke(app, [*arguments, "--config", str(began), "--steps", "1"])
    assert result.exit_code == 0, result.output
    before = read_checkpoint(out / "checkpoint.safetensors").recipe

    lower = tmp_path / "lower.toml"
    lower.write_text('learning_rate = 1e-5\nstart = "nowhere"\n[losses]\ncycle = 5.0\n')
    result = runner.invoke(app, [*arguments, "--config", str(lower), "--resume", "--steps", "2"])
    assert result.exit_code == 0, result.output
    losses = replace(before.losses, cycle=5.0)
    expected = replace(before, learning_rate=1e-5, start="nowhere", losses=losses, steps=2)
    assert read_checkpoint(out / "checkpoint.safetensors").recipe == expected


@pytest.mark.usefixtures("eagerly")
def test_minutes_hold_until_something_else_is_said(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recipe := tmp_path / "recipe.toml").write_text(SHAPE)
    (more := tmp_path / "more.toml").write_text("steps = 12")
    out = tmp_path / "out"
    arguments = ["train", "--data", str(write_data(tmp_path / "data")), "--out", str(out)]
    stop_after_each_step(monkeypatch)
    for given, held in (
        (["--config", str(recipe), "--minutes", "60"], 60),
        (["--resume"], 60),
        (["--resume", "--minutes", "90"], 90),
        (["--resume", "--steps", "9"], None),
        (["--resume", "--minutes", "60"], 60),
        (["--resume", "--config", str(recipe)], 60),
        (["--resume", "--config", str(more)], None),
    ):
        result = runner.invoke(app, [*arguments, *given])
        assert result.exit_code == 0, result.output
        assert read_checkpoint(out / "checkpoint.safetensors").minutes == held, given


@pytest.mark.usefixtures("eagerly")
def test_a_run_that_is_at_its_end_says_why_it_does_nothing(runner: CliRunner, tmp_path: Path) -> None:
    (recipe := tmp_path / "recipe.toml").write_text(SHAPE)
    arguments = ["train", "--data", str(write_data(tmp_path / "data")), "--out", str(tmp_path / "out")]
    for given, end in (
        (["--config", str(recipe), "--minutes", "0"], "done: 0 steps"),
        (["--resume"], "nothing to do, its 0 minutes are over (give more with --minutes, or --steps): 0 steps"),
        (["--resume", "--steps", "1"], "done: 1 steps"),
        (["--resume"], "nothing to do, its 1 steps are done (give more with --steps): 1 steps"),
    ):
        result = runner.invoke(app, [*arguments, *given])
        assert result.exit_code == 0, result.output
        assert end in result.output, given


@pytest.mark.usefixtures("eagerly")
def test_what_a_kill_left_half_written_goes_with_the_next_start(runner: CliRunner, tmp_path: Path) -> None:
    (recipe := tmp_path / "recipe.toml").write_text(SHAPE)
    (out := tmp_path / "out").mkdir()
    left = [out / f".{name}.safetensors.ab_12cd3" for name in ("checkpoint", "selfie2anime", "anime2selfie")]
    for file in (*left, kept := out / ".checkpoint.safetensors.mine"):
        file.touch()
    arguments = ["train", "--data", str(write_data(tmp_path / "data")), "--out", str(out), "--config", str(recipe)]
    result = runner.invoke(app, [*arguments, "--minutes", "0"])
    assert result.exit_code == 0, result.output
    assert [file.name for file in out.iterdir() if file.name.startswith(".")] == [kept.name]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--resume"], "nothing to resume"),
        (["--image-size", "8"], "deep: no such folder"),
        (["--image-size", "30"], "Received: 30"),
        (["--image-size", "8", "--precision", "half"], "precision must be one of auto"),
    ],
)
def test_says_what_is_wrong(runner: CliRunner, tmp_path: Path, extra: list[str], message: str) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text("[generator]\ndownsamplings = 1\n")
    paths = ["--data", str(tmp_path / "deep"), "--out", str(tmp_path / "out"), "--config", str(config)]
    result = runner.invoke(app, ["train", *paths, *extra])
    assert result.exit_code == 1
    assert message in result.output.replace("\n", " ")
    assert "Traceback" not in result.output


def test_a_recipe_file_with_a_mistake_is_named(runner: CliRunner, tmp_path: Path) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text("[losses]\ncycel = 1\n")
    result = runner.invoke(app, ["train", "--data", "x", "--out", str(tmp_path / "out"), "--config", str(config)])
    assert result.exit_code == 1
    assert f"{config}: losses: unknown fields. Received: cycel" in result.output.replace("\n", " ")


def test_a_run_that_would_not_fit_is_refused_at_once(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_cli, "free_memory", lambda: 2**30)
    data = write_data(tmp_path / "data")
    result = runner.invoke(app, ["train", "--data", str(data), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "GiB of memory, 1.0 are free: lower --image-size or --base-channels" in result.output.replace("\n", " ")
