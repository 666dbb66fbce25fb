"""`python -m ugatit prepare` as somebody types it, on photos made of the sample photo."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

from inference.crop import FACE_HEIGHT
from inference.dataset import ALIKE, Reason, difference_hash, find_photos, prepare_dataset
from inference.detect import Detector
from tests.service import ROOT
from ugatit.cli import app
from ugatit.data import load_split

ASTRONAUT = ROOT / "docs" / "astronaut.png"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A face, the same saved again and its mirror image; a face far away, none, and no photo."""
    folder = tmp_path / "photos"
    (folder / "deep" / ".hidden").mkdir(parents=True)
    with Image.open(ASTRONAUT) as image:
        photo = image.convert("RGB")
    photo.save(folder / "1-first.png")
    photo.resize((photo.width * 3 // 4, photo.height * 3 // 4)).save(folder / "2-again.jpg", quality=70)
    ImageOps.mirror(photo).save(folder / "deep" / "mirror.webp", quality=90)
    far = Image.new("RGB", photo.size, "grey")
    far.paste(photo.resize((photo.width // 4, photo.height // 4)))
    far.save(folder / "3-far.png")
    Image.new("RGB", (300, 300), "navy").save(folder / "4-none.png")
    (folder / "5-broken.jpg").write_bytes((folder / "2-again.jpg").read_bytes()[:5000])
    (folder / "deep" / ".hidden" / "x.txt").write_text("not to be looked at")
    return folder


def test_faces_come_out_and_the_rest_is_named(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["prepare", str(photos), str(out), "--test-share", "0.5"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    for name, reason in (
        ("2-again.jpg", Reason.TWICE),
        ("3-far.png", Reason.TINY),
        ("4-none.png", Reason.NO_FACE),
        ("5-broken.jpg", Reason.UNREADABLE),
    ):
        assert any(line.startswith(name) and reason in line for line in lines), (name, result.stdout)
    assert lines[-2] == "left out: unreadable: 1, no face: 1, tiny face: 1, duplicate: 1"
    assert lines[-1] == f"1 pictures in {out / 'trainA'}, 1 in {out / 'testA'}"
    train, test = load_split(out, "trainA", 256), load_split(out, "testA", 256)
    assert train.notes == test.notes == (), "they have the size that was asked for"
    assert {path.name for path in out.rglob("*.png")} == {"1-first.png", "mirror.png"}
    for picture in (*train.pictures, *test.pictures):
        (face,) = Detector().detect(picture)
        assert face.height / 256 == pytest.approx(FACE_HEIGHT, rel=0.1), "as the network knows faces"

    again = CliRunner().invoke(app, ["prepare", str(photos), str(out)])
    assert again.exit_code == 1
    assert "not empty" in again.output


def test_the_test_pictures_are_chosen_by_their_pixels(tmp_path: Path) -> None:
    with Image.open(ASTRONAUT) as image:
        photo = image.convert("RGB")
    folder = tmp_path / "photos"
    folder.mkdir()
    photo.save(folder / "b.png")
    ImageOps.mirror(photo).save(folder / "a.png")
    prepare_dataset(find_photos(folder), tmp_path / "one", size=32)
    (folder / "a.png").rename(folder / "c.png")
    prepare_dataset(find_photos(folder), tmp_path / "two", size=32)
    one, two = (hashlib.sha256(next((tmp_path / x / "testA").iterdir()).read_bytes()).digest() for x in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(("content", "message"), [(None, "no photos"), (b"text", "unreadable: 1")])
def test_says_why_nothing_comes_of_it(tmp_path: Path, content: bytes | None, message: str) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    if content:
        (folder / "x.jpg").write_bytes(content)
    result = CliRunner().invoke(app, ["prepare", str(folder), str(tmp_path / "out")])
    assert result.exit_code == 1
    assert message in result.output


def test_alike_are_pictures_of_one_face_not_of_two() -> None:
    picture = np.asarray(Image.open(ASTRONAUT).convert("RGB").crop((150, 0, 300, 150)))
    moved = cv2.warpAffine(
        picture, np.array([[1.01, 0, 1.5], [0, 1.01, -1]]), (150, 150), borderMode=cv2.BORDER_REFLECT
    )
    value, near, other = (difference_hash(x) for x in (picture, moved, np.ascontiguousarray(picture[:, ::-1])))
    assert np.bitwise_count(value ^ near).sum() <= ALIKE < np.bitwise_count(value ^ other).sum()
