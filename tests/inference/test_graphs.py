"""What OpenVINO has read once is read again without TensorFlow, and paints the same."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ugatit
from inference.engine_process import Spec
from inference.networks import graphs
from inference.networks.openvino import load
from tests.ugatit.networks import TINY, random_generator

PICTURES = np.random.default_rng(3).integers(0, 256, (2, TINY.image_size, TINY.image_size, 3), np.uint8)


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> tuple[Spec, np.ndarray]:
    """Weights whose graph is kept, and what they paint."""
    folder = tmp_path_factory.mktemp("laid")
    weights = written(folder, 0)
    spec = Spec("", weights, TINY.image_size, "cpu", "float32", (1,), graphs=folder / "data" / "graphs")
    return spec, load(spec)(PICTURES)


@pytest.fixture
def spec(laid: tuple[Spec, np.ndarray], tmp_path: Path) -> Spec:
    """The same in a folder of the test's own."""
    folder = shutil.copytree(laid[0].weights.parent, tmp_path / "own")
    return replace(laid[0], weights=folder / laid[0].weights.name, graphs=folder / "data" / "graphs")


@pytest.fixture
def painted(laid: tuple[Spec, np.ndarray]) -> np.ndarray:
    return laid[1]


def written(folder: Path, seed: int) -> Path:
    path = folder / "weights.safetensors"
    ugatit.save_generator(random_generator(TINY, seed), path, provenance={})
    return path


def kept(spec: Spec) -> list[Path]:
    assert spec.graphs
    return sorted(spec.graphs.iterdir())


def test_the_second_time_tensorflow_is_not_needed(spec: Spec, painted: np.ndarray, tmp_path: Path) -> None:
    assert len(kept(spec)) == 1
    np.save(tmp_path / "pictures.npy", PICTURES)
    code = f"""
import sys
from pathlib import Path, PosixPath
import numpy as np
from inference.engine_process import Spec
from inference.networks.openvino import load
painted = load({spec!r})(np.load("pictures.npy"))
assert not {{"tensorflow", "keras"}} & set(sys.modules), "imported"
np.save("again.npy", painted)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_array_equal(np.load(tmp_path / "again.npy"), painted)


def test_other_weights_and_other_versions_have_another(
    spec: Spec, painted: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(spec.weights.parent, 1)
    assert np.abs(load(spec)(PICTURES).astype(int) - painted).max() > 10
    assert len(kept(spec)) == 2
    monkeypatch.setattr(graphs, "installed_version", lambda name: "0.1")
    load(spec)
    names = [path.name for path in kept(spec)]
    assert len(names) == graphs.MOST == 2  # the oldest has gone
    monkeypatch.undo()
    load(spec)  # which was in use last
    assert set(names) == {path.name for path in kept(spec)}


@pytest.mark.parametrize("damage", ["cut short", "emptied", "no longer a graph"])
def test_a_damaged_one_is_made_anew(
    spec: Spec, painted: np.ndarray, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    (place,) = kept(spec)
    weights, graph = place / "generator.bin", place / graphs.NAME
    if damage == "no longer a graph":
        graph.write_text("<net/>")
    else:
        os.truncate(weights, 0 if damage == "emptied" else weights.stat().st_size // 2)
    np.testing.assert_array_equal(load(spec)(PICTURES), painted)
    assert "is made anew" in caplog.text
    caplog.clear()
    np.testing.assert_array_equal(load(spec)(PICTURES), painted)
    assert not caplog.text


@pytest.mark.parametrize("nowhere", [False, True])
def test_where_none_can_be_kept_it_costs_only_time(
    spec: Spec, painted: np.ndarray, nowhere: bool, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = spec.weights.parent / "a file in the way"
    blocked.write_text("")
    np.testing.assert_array_equal(load(replace(spec, graphs=None if nowhere else blocked))(PICTURES), painted)
    assert ("is not kept" in caplog.text) is not nowhere


def test_weights_that_are_gone_are_missed_though_their_graph_is_kept(spec: Spec) -> None:
    spec.weights.unlink()
    with pytest.raises(ugatit.WeightsError, match="no such file"):
        load(spec)
