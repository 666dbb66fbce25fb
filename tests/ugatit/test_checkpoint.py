"""What a checkpoint says to whoever goes on from it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.ugatit.training import tiny_recipe
from ugatit.checkpoint import Position, read_checkpoint, save_checkpoint


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ({"minutes": None, "gates": "normalised"}, []),
        ({"minutes": 60}, ["gates are normalised"]),
        ({}, ["--minutes", "gates are normalised"]),
    ],
)
def test_an_older_one_says_what_it_does_not_know(tmp_path: Path, held: dict[str, Any], words: list[str]) -> None:
    about = {"version": 1, "recipe": tiny_recipe().to_dict(), "position": {"step": 1}, **held}
    save_file({"x": np.zeros(1)}, path := tmp_path / "checkpoint.safetensors", {"training": json.dumps(about)})
    saved = read_checkpoint(path)
    assert (saved.recipe, saved.position, saved.minutes) == (tiny_recipe(), Position(1), held.get("minutes"))
    for word, note in zip(words, saved.notes, strict=True):
        assert word in note


def test_one_of_today_has_nothing_to_say(tmp_path: Path) -> None:
    save_checkpoint(path := tmp_path / "checkpoint.safetensors", {}, tiny_recipe(), Position(1))
    assert read_checkpoint(path).notes == ()
