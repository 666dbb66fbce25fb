import functools
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from inference import cli
from tests.inference import SAMPLE, network


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and a network that answers at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "Run", functools.partial(cli.Run, network=network("Invert")))
    return tmp_path


def translate(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, ["translate", *map(str, arguments)])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_photo_becomes_a_png(here: Path) -> None:
    result = translate(SAMPLE, "--out", "out/deep")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{SAMPLE}: 1 face → out/deep/astronaut.png\n"
    with Image.open("out/deep/astronaut.png") as image:
        assert (image.format, image.size) == ("PNG", (256, 256))


def test_bad_photos_are_named_and_the_others_are_done(here: Path, astronaut: Image.Image) -> None:
    Image.new("RGB", (300, 300), "teal").save("wall.jpg")
    Path("cut.png").write_bytes(SAMPLE.read_bytes()[:9000])
    Path("notes.jpg").write_text("no picture")
    Path("folder").mkdir()
    pair = Image.new("RGB", (1024, 512))
    pair.paste(astronaut, (0, 0))
    pair.paste(astronaut, (512, 0))
    pair.save("astronaut.webp", lossless=True)

    result = translate(
        "wall.jpg", "cut.png", "astronaut.webp", "notes.jpg", "missing.jpg", "folder", SAMPLE, "--out", "out"
    )

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "wall.jpg: no face found (--whole paints the whole picture)",
        "cut.png: damaged, or no picture at all",
        "notes.jpg: not a JPEG, PNG, WebP or HEIC picture",
        "missing.jpg: No such file or directory",
        "folder: Is a directory",
    ]
    assert result.stdout.splitlines() == [
        "astronaut.webp: 2 faces → out/astronaut.png, out/astronaut-2.png",
        f"{SAMPLE}: 1 face → out/astronaut-3.png",
    ]
    assert names(Path("out")) == ["astronaut-2.png", "astronaut-3.png", "astronaut.png"]


def test_the_whole_picture_where_no_face_is(here: Path) -> None:
    Image.new("RGB", (300, 200), (10, 20, 30)).save("wall.png")

    result = translate("wall.png", "--out", ".", "--whole")

    assert result.stdout == "wall.png: the whole picture → wall-2.png\n"  # the photo itself is kept
    assert names(here) == ["wall-2.png", "wall.png"]
    with Image.open("wall-2.png") as image:
        assert image.getpixel((100, 100)) == (245, 235, 225)


def test_wrong_settings_and_folders_are_one_line(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").touch()
    result = translate(SAMPLE, "--out", "file")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "file: File exists\n")

    monkeypatch.setenv("MODEL_WEIGHTS", "nowhere.safetensors")
    result = translate(SAMPLE, "--out", "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nowhere.safetensors" in result.stderr
    assert len(result.stderr.splitlines()) == 1

    monkeypatch.setenv("MODEL_PRECISION", "float7")
    result = translate(SAMPLE, "--out", "out")
    assert result.exit_code == 2
    assert "MODEL_PRECISION = 'float7'" in result.stderr
    assert "Traceback" not in result.stderr


def test_weights_that_do_not_fit_are_one_line(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "Run", functools.partial(cli.Run, network=network("misshapen")))

    result = translate(SAMPLE, "--out", "out")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "kernel" in result.stderr
    assert len(result.stderr.splitlines()) == 1
