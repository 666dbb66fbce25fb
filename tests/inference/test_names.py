from pathlib import Path

from inference.names import Names


def test_one_name_a_face(tmp_path: Path) -> None:
    names = Names(tmp_path)

    assert [names.take(Path("me.jpg"), n).name for n in (1, 2, 3)] == ["me.png", "me-2.png", "me-3.png"]


def test_photos_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    names = Names(tmp_path)
    photos = [("a/me.jpg", 1), ("a/me.jpg", 2), ("b/me.jpg", 1), ("b/ME.heic", 1), ("me-2.png", 1)]

    taken = [names.take(Path(photo), number).name for photo, number in photos]

    assert taken == ["me.png", "me-2.png", "me-3.png", "ME-4.png", "me-2-2.png"]


def test_photos_in_the_same_folder_are_not_overwritten(tmp_path: Path) -> None:
    names = Names(tmp_path, [tmp_path / "me.png", tmp_path / "other" / "you.png"])

    assert names.take(tmp_path / "me.png", 1).name == "me-2.png"
    assert names.take(tmp_path / "other" / "you.png", 1).name == "you.png"
