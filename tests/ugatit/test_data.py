"""Pictures from folders and zip files, what is said when they are not right, and batches that only depend on where."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.ugatit.training import synthetic, tiny_batches, tiny_recipe
from ugatit import data
from ugatit.augment import change
from ugatit.data import DataError, load_split


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def test_folders_and_zip_files_hold_the_same(tmp_path: Path) -> None:
    pictures = synthetic(3, 0)
    (tmp_path / "folders" / "trainA" / "deeper").mkdir(parents=True)
    (tmp_path / "zips").mkdir()
    for i, picture in enumerate(pictures):
        (tmp_path / "folders" / "trainA" / "deeper" / f"{i}.png").write_bytes(png(picture))
        with zipfile.ZipFile(tmp_path / "zips" / f"part{i}.zip", "w") as archive:
            archive.writestr(f"set/trainA/{i}.png", png(picture))
            archive.writestr(f"set/trainB/{i}.png", b"not looked at")
            archive.writestr("set/trainA/notes.txt", "not looked at")
    for root in (tmp_path / "folders", tmp_path / "zips"):
        split = load_split(root, "trainA", 8)
        np.testing.assert_array_equal(split.pictures, pictures)
        assert split.notes == ()
    np.testing.assert_array_equal(load_split(tmp_path / "zips" / "part1.zip", "trainA", 8).pictures, pictures[1:2])
    assert len(load_split(tmp_path / "zips", "trainA", 8, limit=2).pictures) == 2


def test_other_sizes_are_cut_to_the_middle_square_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "trainB").mkdir()
    wide = np.zeros((8, 16, 3), "uint8")
    wide[:, 4:12] = 200
    (tmp_path / "trainB" / "a.png").write_bytes(png(synthetic(1, 0)[0]))
    (tmp_path / "trainB" / "wide.png").write_bytes(png(wide))
    split = load_split(tmp_path, "trainB", 8)
    assert (split.pictures[1] == 200).all()
    assert split.notes == (f"trainB: 1 of 2 pictures resized to 8 x 8, {tmp_path / 'trainB' / 'wide.png'} the first",)


def test_errors_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="none: no such folder"):
        load_split(tmp_path / "none", "trainA", 8)
    (tmp_path / "trainA").mkdir()
    with pytest.raises(DataError, match="trainA: no pictures"):
        load_split(tmp_path, "trainA", 8)
    whole = png(synthetic(1, 0)[0])
    (tmp_path / "trainA" / "a.png").write_bytes(whole[:60])
    with pytest.raises(DataError, match=r"a\.png: unreadable picture"):
        load_split(tmp_path, "trainA", 8)
    (tmp_path / "trainA" / "a.png").write_text("words")
    with pytest.raises(DataError, match=r"a\.png: not a picture"):
        load_split(tmp_path, "trainA", 8)
    (tmp_path / "trainA" / "a.png").write_bytes(whole)
    monkeypatch.setattr(data, "free_memory", lambda: 100)
    with pytest.raises(DataError, match=r"trainA: its pictures need .* of memory"):
        load_split(tmp_path, "trainA", 8)
    (tmp_path / "trainA" / "a.png").unlink()
    (tmp_path / "broken.zip").write_bytes(b"PK no zip")
    with pytest.raises(DataError, match=r"broken\.zip: no readable zip"):
        load_split(tmp_path, "trainA", 8)
    (tmp_path / "broken.zip").unlink()
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.writestr("trainA/bad.png", b"words")
    monkeypatch.undo()
    with pytest.raises(DataError, match=r"some\.zip:trainA/bad\.png: not a picture"):
        load_split(tmp_path, "trainA", 8)


def test_a_stream_goes_on_from_anywhere() -> None:
    batches = tiny_batches(tiny_recipe(losses={"gan": "dragan"}))
    with batches.stream(0) as stream:
        unbroken = [next(stream) for _ in range(8)]
    with batches.stream(10) as stream:
        resumed = [next(stream) for _ in range(3)]
    for whole, part in zip(unbroken[5:], resumed, strict=True):
        for one, other in zip((whole.a, whole.b, *whole.draws), (part.a, part.b, *part.draws), strict=True):
            np.testing.assert_array_equal(one, other)
    assert (unbroken[0].a.shape, unbroken[0].a.dtype) == ((2, 8, 8, 3), np.uint8)
    assert unbroken[0].draws.noise.shape == (2, 2, 8, 8, 3)
    assert not np.array_equal(unbroken[0].draws.mix, unbroken[1].draws.mix)


def test_every_epoch_has_every_picture_once() -> None:
    batches = tiny_batches(tiny_recipe(augment=False))
    seen = np.concatenate([batches.at(position).a for position in range(0, 10, 2)])
    for epoch in (seen[:5], seen[5:]):
        assert sorted(p.tobytes() for p in epoch) == sorted(p.tobytes() for p in batches.a)
    assert not np.array_equal(seen[:5], seen[5:])


def test_half_are_mirrored_and_half_enlarged() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 64).astype("uint8")[None, :, None], (64, 64, 3))
    rng = np.random.default_rng(0)
    changed = [change(ramp, rng)[0, :, 0].astype(int) for _ in range(400)]
    mirrored = np.mean([row[0] > row[-1] for row in changed])
    ranges = np.array([abs(row[-1] - row[0]) for row in changed])
    assert 0.42 < mirrored < 0.58
    assert 0.42 < np.mean(ranges < 255) < 0.58
    assert 255 * 256 / 286 - 4 < ranges[ranges < 255].mean() < 255 * 256 / 286 + 4
