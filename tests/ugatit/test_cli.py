"""`python -m ugatit` as somebody types it."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ugatit import bundled_weights
from ugatit.cli import app

PHOTO = Path(__file__).parents[2] / "docs" / "astronaut.png"


def test_info_prints_what_is_inside(runner: CliRunner) -> None:
    result = runner.invoke(app, ["info", str(bundled_weights())])
    assert result.exit_code == 0
    lines = dict(line.split(":", 1) for line in result.output.splitlines())
    facts = {name: value.strip() for name, value in lines.items()}
    assert facts["sha256"] == hashlib.sha256(bundled_weights().read_bytes()).hexdigest()
    assert facts["generators"] == "selfie2anime"
    assert facts["base_channels"] == "32"
    assert facts["bytes"] == f"{bundled_weights().stat().st_size:,}"
    assert "no licence" in result.output


def test_info_on_something_else_says_so(runner: CliRunner) -> None:
    result = runner.invoke(app, ["info", str(PHOTO)])
    assert result.exit_code == 1
    assert str(PHOTO) in result.output
    assert "Traceback" not in result.output


def test_translate_does_the_others_when_one_is_broken(runner: CliRunner, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "deep" / "out"
    source.mkdir()
    shutil.copy(PHOTO, source / "a.png")
    with Image.open(PHOTO) as image:
        image.convert("RGB").crop((144, 16, 304, 176)).save(source / "a.jpg")
        image.convert("L").resize((100, 40)).save(source / "grey.webp")
    (source / "broken.jpg").write_text("no picture")
    (source / "notes.txt").write_text("not looked at")
    weights = ["--weights", str(bundled_weights()), "--batch", "2"]
    result = runner.invoke(app, ["translate", *weights, str(source), str(target)])
    assert result.exit_code == 1
    assert f"{source / 'broken.jpg'}: cannot be read (no picture)" in result.output
    assert "3 of 4 pictures painted" in result.output
    assert sorted(path.name for path in target.iterdir()) == ["a.jpg.png", "a.png.png", "grey.webp.png", "index.html"]
    with Image.open(target / "a.jpg.png") as image:
        assert (image.size, image.mode, image.format) == ((256, 256), "RGB", "PNG")
        assert np.asarray(image).std() > 20


def test_translate_succeeds_when_all_is_well(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(PHOTO, tmp_path / "in" / "a.png")
    result = runner.invoke(app, ["translate", str(tmp_path / "in"), str(tmp_path / "out")])
    assert (result.exit_code, (tmp_path / "out" / "a.png").is_file()) == (0, True)


@pytest.mark.parametrize(
    ("source", "target", "options"),
    [
        ("in", "in", []),
        ("in", "link", []),
        ("in", "out", []),
        ("out/heatmaps", "out", ["--heatmaps"]),
    ],
)
def test_translate_paints_over_no_photo(
    runner: CliRunner, tmp_path: Path, source: str, target: str, options: list[str]
) -> None:
    photo = tmp_path / source / "a.png"
    photo.parent.mkdir(parents=True)
    shutil.copy(PHOTO, photo)
    if source == "in":
        (tmp_path / "link").symlink_to(tmp_path / "in")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "a.png").hardlink_to(photo)
    result = runner.invoke(app, ["translate", *options, str(tmp_path / source), str(tmp_path / target)])
    assert result.exit_code == 1
    assert "a.png is one of the pictures to paint. Nothing was painted" in result.output
    assert photo.read_bytes() == PHOTO.read_bytes()


def test_translate_may_paint_beside_the_photos(runner: CliRunner, tmp_path: Path) -> None:
    with Image.open(PHOTO) as image:
        image.convert("RGB").save(tmp_path / "a.jpg")
    result = runner.invoke(app, ["translate", str(tmp_path), str(tmp_path)])
    assert (result.exit_code, (tmp_path / "a.png").is_file()) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}/none", "{tmp}/out"], "no such folder"),
        (["{tmp}", "{tmp}/out"], "no pictures in"),
        (["{pictures}", "{tmp}/out", "--weights", "{tmp}/none.safetensors"], "none.safetensors: no such file"),
        (["{pictures}", "{tmp}/out", "--direction", "anime2selfie"], "no anime2selfie generator"),
    ],
)
def test_translate_says_what_is_wrong(runner: CliRunner, tmp_path: Path, arguments: list[str], message: str) -> None:
    filled = [part.format(tmp=tmp_path, pictures=PHOTO.parent) for part in arguments]
    result = runner.invoke(app, ["translate", *filled])
    assert result.exit_code == 1
    assert message in result.output
