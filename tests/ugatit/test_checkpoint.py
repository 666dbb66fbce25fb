"""What a checkpoint says to whoever goes on from it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.ugatit.training import tiny_recipe
from ugatit.checkpoint import Position, read_checkpoint, save_checkpoint


@pytest.mark.parametrize(("held", "notes"), [({"minutes": None}, 0), ({"minutes": 60}, 0), ({}, 1)])
def test_one_from_before_minutes_were_kept_says_so(tmp_path: Path, held: dict[str, Any], notes: int) -> None:
    about = {"version": 1, "recipe": tiny_recipe().to_dict(), "position": {"step": 1}, **held}
    save_file({"x": np.zeros(1)}, path := tmp_path / "checkpoint.safetensors", {"training": json.dumps(about)})
    found = [note for note in read_checkpoint(path).notes if "--minutes" in note]
    assert len(found) == notes


def test_one_of_today_has_nothing_to_say(tmp_path: Path) -> None:
    save_checkpoint(path := tmp_path / "checkpoint.safetensors", {}, tiny_recipe(), Position(1))
    assert read_checkpoint(path).notes == ()
