"""KID, FID and the sheet: against the formulas written down once more, and the whole command on small pictures."""

import json
import sys
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ugatit import bundled_weights
from ugatit.cli import app
from ugatit.evaluation.errors import EvaluationError
from ugatit.evaluation.features import enlarge, keras_inception, precomputed, torchscript
from ugatit.evaluation.measures import fid, kid, kid_over_subsets, score
from ugatit.evaluation.sheet import contact_sheet


def kid_pair_by_pair(x: np.ndarray, y: np.ndarray) -> float:
    """The estimate as equation 4 of arXiv:1801.01401 has it: pairs of different pictures, one after another."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (float(a @ b) / len(a) + 1) ** 3

    n, m = len(x), len(y)
    own = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    other = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return own + other - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


def fid_by_eigenvalues(x: np.ndarray, y: np.ndarray) -> float:
    a, b = np.cov(x.T), np.cov(y.T)
    root = np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0)).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root)


@pytest.fixture(scope="module")
def sets() -> tuple[np.ndarray, np.ndarray]:
    """As lopsided as features are: not negative, a few large ones, correlated."""
    rng = np.random.default_rng(3)
    mix = rng.normal(size=(24, 24))
    x = np.maximum(rng.normal(0.3, 1, (70, 24)) @ mix, 0) / 4
    y = np.maximum(rng.normal(0.1, 1.2, (60, 24)) @ mix, 0) / 4
    return x, y


def test_scores_agree_with_the_formulas(sets: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = sets
    assert kid(x, y) == pytest.approx(kid_pair_by_pair(x, y), rel=1e-9)
    assert fid(x, y) == pytest.approx(fid_by_eigenvalues(x, y), rel=1e-6)
    few = x[:10], y[:9]  # fewer pictures than features: the covariances are singular
    assert fid(*few) == pytest.approx(fid_by_eigenvalues(*few), rel=1e-4)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(100):
        rows, others = rng.choice(70, 50, False), rng.choice(60, 50, False)
        drawn.append(kid(x[rows], y[others]))
    scores = score(x, y)
    assert (scores.kid_mean, scores.kid_spread) == pytest.approx((np.mean(drawn), np.std(drawn)), rel=1e-9)
    assert scores.kid_spread > 0
    assert (scores.kid, scores.fid) == (kid(x, y), fid(x, y))


def test_equal_sets_score_nothing_and_others_more(sets: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = sets
    assert fid(x, x) == pytest.approx(0, abs=1e-6)
    assert kid(x, x) < 0 < kid(x, y) < kid(x, y + 1)
    assert kid_over_subsets(x, y, subsets=3) == kid_over_subsets(x, y, subsets=3)


@pytest.mark.parametrize(
    ("x", "y"), [((1, 4), (5, 4)), ((5, 4), (5, 3)), ((5,), (5,))], ids=["too few", "different", "no matrix"]
)
def test_features_that_do_not_fit_together(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="features are"):
        score(np.zeros(x), np.zeros(y))


def test_features_that_are_not_finite() -> None:
    with pytest.raises(ValueError, match="not finite"):
        score(np.full((4, 2), np.nan), np.zeros((4, 2)))


def test_enlarging_is_bilinear_and_keeps_fractions() -> None:
    picture = np.zeros((2, 2, 3), "uint8")
    picture[:, 1] = 200
    large = enlarge(picture)
    assert (large.shape, large.dtype) == ((299, 299, 3), np.float32)
    assert large[150, 149, 0] == pytest.approx(100, abs=1e-3)
    assert len(np.unique(large)) > 140  # bytes would leave steps


def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of a few numbers in place of the 88 MB that would have to be downloaded."""

    def build(**options: object) -> keras.Model:
        assert options == {
            "include_top": False,
            "weights": "imagenet",
            "pooling": "avg",
            "input_shape": (299, 299, 3),
        }
        inputs = keras.Input((299, 299, 3))
        return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))

    monkeypatch.setattr(keras.applications, "InceptionV3", build)


def test_keras_features_come_from_pictures_in_its_range(monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in(monkeypatch)
    network = keras_inception()
    pictures = np.stack([np.full((5, 5, 3), value, "uint8") for value in (0, 255)])
    assert network(pictures) == pytest.approx(np.array([[-1.0] * 3, [1.0] * 3]))
    assert "Keras" in network.name


def test_without_a_network_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> None:
        raise Exception("URL fetch failure on https://…: Name or service not known")

    monkeypatch.setattr(keras.applications, "InceptionV3", fails)
    with pytest.raises(EvaluationError, match=r"URL fetch failure.*~/\.keras/models, or give --features FILE"):
        keras_inception()


class _Array(np.ndarray):
    def flatten(self, start: int) -> "_Array":  # type: ignore[override]
        return self.reshape(len(self), -1)

    def numpy(self) -> np.ndarray:
        return np.asarray(self)


def _fake_torch(load: Callable[..., object]) -> ModuleType:
    module = ModuleType("torch")
    module.jit = SimpleNamespace(load=load)  # type: ignore[attr-defined]
    module.no_grad = nullcontext  # type: ignore[attr-defined]
    module.from_numpy = lambda array: array.view(_Array)  # type: ignore[attr-defined]
    return module


def test_torchscript_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "default_1.pt"
    path.write_bytes(b"a network")

    class Network:
        def eval(self) -> Callable[[np.ndarray], np.ndarray]:
            return lambda x: x.mean((2, 3), keepdims=True)

    def load(name: str, *, map_location: str) -> Network:
        assert (name, map_location) == (str(path), "cpu")
        return Network()

    monkeypatch.setitem(sys.modules, "torch", _fake_torch(load))
    network = torchscript(path)
    picture = np.zeros((1, 4, 4, 3), "uint8")
    picture[..., 1] = 192
    assert network(picture) == pytest.approx(np.array([[-1.0, 0.5, -1.0]]))
    assert network.name.startswith("TorchScript default_1.pt, sha256 ")


def test_torchscript_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> None:
        raise RuntimeError("PytorchStreamReader failed\nand more")

    monkeypatch.setitem(sys.modules, "torch", _fake_torch(load))
    with pytest.raises(EvaluationError, match=r"no TorchScript file \(PytorchStreamReader failed\)"):
        torchscript(tmp_path / "a.pt")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EvaluationError, match="pip install torch"):
        torchscript(tmp_path / "a.pt")


def test_the_sheet_shows_each_picture_above_its_painting() -> None:
    shades = np.arange(12, dtype="uint8") * 10
    sources = np.broadcast_to(shades[:, None, None, None], (12, 8, 8, 3))
    sheet = np.asarray(contact_sheet(sources, 255 - sources))
    assert sheet.shape == (2 * 264 + 4, 10 * 132 + 4, 3)
    for i in range(12):
        row, column = divmod(i, 10)
        x, y = 4 + column * 132 + 64, 4 + row * 264 + 64
        assert (sheet[y, x, 0], sheet[y + 128, x, 0]) == (shades[i], 255 - shades[i])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sets in a zip file, as the data set comes."""
    folder, rng = tmp_path / "data", np.random.default_rng(5)
    folder.mkdir()
    with zipfile.ZipFile(folder / "test.zip", "w") as archive:
        for split, count in (("testA", 5), ("testB", 4)):
            for i in range(count):
                image = Image.fromarray(rng.integers(0, 255, (6, 6, 3), "uint8")).resize((80, 80))
                image.save(tmp_path / "one.png")
                archive.write(tmp_path / "one.png", f"{split}/{i}.png")
    return folder


def test_the_command_and_again_on_its_own_features(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in(monkeypatch)
    out, again = tmp_path / "out", tmp_path / "again"
    arguments = ["evaluate", "--weights", str(bundled_weights()), "--data", str(data)]
    result = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "selfie2anime: 5 pictures against 4" in result.output
    assert "Inception-v3 of Keras" in result.output
    record = json.loads((out / "scores.json").read_text())
    generated, reference = precomputed(out / "features.npz")
    assert (generated.shape, reference.shape) == ((5, 3), (4, 3))
    assert record["scores"]["kid"] == pytest.approx(kid_pair_by_pair(generated, reference))
    assert f"KID x 100: {100 * record['scores']['kid']:.2f} (over 100 subsets of 4: " in result.output
    with Image.open(out / "contact.jpg") as sheet:
        assert sheet.size == (5 * 132 + 4, 264 + 4)

    result = CliRunner().invoke(app, [*arguments, "--out", str(again), "--features", str(out / "features.npz")])
    assert result.exit_code == 0, result.output
    assert f"precomputed, {out / 'features.npz'}" in result.output
    assert json.loads((again / "scores.json").read_text())["scores"] == record["scores"]


def test_what_is_wrong_is_said_before_anything_is_painted(tmp_path: Path, data: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    weights, missing = str(bundled_weights()), str(tmp_path / "none")
    for arguments, message in (
        (["--weights", missing, "--data", str(data)], "no such file"),
        (["--weights", weights, "--data", missing, "--features", str(tmp_path / "f.npz")], "f.npz: no .npz file"),
        (["--weights", weights, "--data", str(data), "--features", str(tmp_path / "bad.npz")], "bad.npz: no .npz"),
    ):
        result = CliRunner().invoke(app, ["evaluate", *arguments, "--out", str(tmp_path / "out")])
        assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
        assert message in result.output.replace("\n", "")
    assert not (tmp_path / "out").exists()
