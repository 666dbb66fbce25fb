"""The critic that sees features: the feature network, the changes, and what it does to a step."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from safetensors.numpy import save_file

from tests.ugatit.checkpoints import FakeTensor, fake_torch
from tests.ugatit.feature_network import (
    NAME,
    SIZE,
    TINY,
    begin,
    critic_of,
    maps_of,
    published,
    write_published,
)
from tests.ugatit.training import advance, synthetic, tiny_recipe, values
from ugatit import Direction
from ugatit.augment import DRAWS
from ugatit.backends import current_backend
from ugatit.checkpoint import Position, load_checkpoint, save_checkpoint
from ugatit.critic.changes import changed, resampled
from ugatit.critic.critic import Critic
from ugatit.critic.features import build_features, load_features
from ugatit.errors import WeightsError
from ugatit.networks import Networks
from ugatit.recipe import CriticConfig
from ugatit.trainer import Trainer

STILL = [0.5, 0.5, 0.5, 0.5, 0.5]  # draws that change neither colours nor place


def pictures(count: int, side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, side, side, 3)).astype("f4")


def test_features_are_the_published_networks(tmp_path: Path) -> None:
    network = build_features(TINY, 64, "float32")
    load_features(network, TINY, write_published(tmp_path / "tiny.safetensors"))
    x = pictures(2, 64)
    for found, expected in zip(network(x), maps_of(published(), x), strict=True):
        np.testing.assert_allclose(np.asarray(found), expected, atol=1e-4)


def test_a_pytorch_file_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path := tmp_path / "tiny.pth").write_bytes(b"tensors")
    state = {name: FakeTensor(value) for name, value in published().items()}
    monkeypatch.setitem(sys.modules, "torch", fake_torch({**state, "_bn0.num_batches_tracked": 3}))
    network = build_features(TINY, 64, "float32")
    load_features(network, TINY, path)
    x = pictures(1, 64)
    np.testing.assert_allclose(np.asarray(network(x)[3]), maps_of(published(), x)[3], atol=1e-4)


def test_files_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build_features(TINY, 64, "float32")
    with pytest.raises(WeightsError, match=r"none\.pth: no such file"):
        load_features(network, TINY, tmp_path / "none.pth")
    state = published()
    del state["_blocks.1._bn1.running_var"]
    save_file(state, path := tmp_path / "tiny.safetensors")
    with pytest.raises(WeightsError, match=r"tiny\.safetensors: _blocks\.1\._bn1\.running_var missing"):
        load_features(network, TINY, path)
    state = published() | {"_conv_stem.weight": np.zeros((5, 3, 3, 3), "f4")}
    save_file(state, path)
    with pytest.raises(WeightsError, match=r"_conv_stem\.weight has shape \(5, 3, 3, 3\).*not \(3, 3, 3, 4\)"):
        load_features(network, TINY, path)
    (path := tmp_path / "tiny.pth").write_bytes(b"tensors")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(WeightsError, match="pip install torch"):
        load_features(network, TINY, path)
    assert not np.asarray(network(pictures(1, 64))[0]).any(), "a file that is refused leaves nothing behind"


def draws(*given: float) -> np.ndarray:
    return np.asarray([given], "f4")


def test_pictures_are_enlarged_as_pillow_enlarges() -> None:
    x = pictures(1, 16)
    expected = np.asarray(Image.fromarray(x[0, ..., 1]).resize((40, 40), Image.Resampling.BILINEAR))
    found = np.asarray(resampled(x, 40))[0, ..., 1]
    np.testing.assert_allclose(found[2:-2, 2:-2], expected[2:-2, 2:-2], atol=1e-5)  # nothing is beyond the picture here


def test_colours_change_as_drawn() -> None:
    x = pictures(1, 8) / 2
    cut = (1.0, 1.0)  # in the other corner

    def of(*colours: float) -> np.ndarray:
        return np.asarray(changed(x, draws(*colours, 0.5, 0.5, *cut), 8))[0, 0, 0]

    pixel, grey = x[0, 0, 0], x[0, 0, 0].mean()
    np.testing.assert_allclose(of(0.5, 0.5, 0.5), pixel, atol=1e-6)
    np.testing.assert_allclose(of(1.0, 0.5, 0.5), pixel + 0.5, atol=1e-6)
    np.testing.assert_allclose(of(0.5, 0.0, 0.5), [grey] * 3, atol=1e-6)
    np.testing.assert_allclose(of(0.5, 1.0, 0.5), grey + 2 * (pixel - grey), atol=1e-6)
    np.testing.assert_allclose(of(0.5, 0.5, 1.0), x.mean() + 1.5 * (pixel - x.mean()), atol=1e-6)


def test_pictures_are_shifted_and_cut_as_drawn() -> None:
    x = np.zeros((1, 16, 16, 3), "f4")
    x[0, 4, 6] = 1
    shifted = np.asarray(changed(x, draws(0.5, 0.5, 0.5, 1.0, 0.0, 1.0, 1.0), 16))[0, ..., 0]
    row, column = np.unravel_index(shifted.argmax(), shifted.shape)
    assert (row, column) == (2, 8), "an eighth of the side up and to the right"
    cut = np.asarray(changed(np.ones((1, 16, 16, 3), "f4"), draws(*STILL, 0.5, 0.25), 16))[0, ..., 0]
    expected = np.ones((16, 16), "f4")
    expected[:8, 4:12] = 0
    np.testing.assert_allclose(cut, expected, atol=1e-6)


def test_gradients_go_through_the_changes() -> None:
    x = tf.constant(pictures(2, 8))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(changed(x, np.full((2, DRAWS), 0.3, "f4"), SIZE))
    gradient = np.asarray(tape.gradient(total, x))
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient).reshape(2, -1).max(axis=1) > 0).all()


def test_all_that_the_heads_see_varies_alike(tmp_path: Path) -> None:
    critic = Critic(CriticConfig("any", NAME, size=SIZE), "float32", np.random.default_rng(0))
    critic.begin(write_published(tmp_path / "tiny.safetensors"), synthetic(8, 4), np.random.default_rng(0))
    for pack in critic.packs:
        pack.adopt()
    shown = synthetic(8, 4).astype("f4") / 127.5 - 1
    change = np.tile(draws(*STILL, -1.0, -1.0), (4, 1))  # no cut
    maps = critic.see(dict(zip(Direction, (shown[:4], shown[4:]), strict=True)), dict.fromkeys(Direction, change))
    assert [found.shape for found in maps] == [(8, 24, 24, 64), (8, 12, 12, 64), (8, 6, 6, 64), (8, 3, 3, 128)]
    for found in maps:
        spreads = np.asarray(found).std(axis=(0, 1, 2))
        assert np.median(spreads) == pytest.approx(1, abs=0.01)
        assert spreads.max() < 1.05  # a channel that is constant stays so


@pytest.mark.usefixtures("eagerly")
def test_what_a_critic_changes_in_a_step(tmp_path: Path) -> None:
    """Its heads learn, its features stay, and the generators' gradient has its share, which grows with its weight."""
    path, moments = write_published(tmp_path / "tiny.safetensors"), {}
    for weight in (0.0, 1.0):
        trainer = Trainer(tiny_recipe(critic={**critic_of(path), "weight": weight}), current_backend())
        begin(trainer, path)
        before = values(trainer)
        (report,) = advance(trainer, 1)
        after = values(trainer)
        assert {"critic", "critic_adversarial"} <= set(report)
        moments[weight] = after["optimizer/generators/2"]
        for name in (name for name in before if name.startswith("critic/")):
            assert np.array_equal(before[name], after[name]), name
            assert before[name].any() or name.endswith("bias"), name
        learning = [name for name in before if name.startswith(("critic_A/", "critic_B/"))]
        assert len([name for name in learning if name.endswith("kernel")]) == len([n for n in learning if "/u" in n])
        assert all(not np.array_equal(before[n], after[n]) for n in learning if n.endswith(("kernel", "/u")))
    assert np.abs(moments[1.0] - moments[0.0]).max() > 1e-4
    known = trainer.networks.state_without(critic=True, pool=False)
    assert set(known) == set(Trainer(tiny_recipe(), current_backend()).networks.state)


@pytest.mark.usefixtures("eagerly")
def test_a_penalty_reaches_the_heads_and_is_no_part_of_their_loss(tmp_path: Path) -> None:
    path, losses, moments = write_published(tmp_path / "tiny.safetensors"), [], []
    for r1 in (0.0, 1.0):
        trainer = Trainer(tiny_recipe(critic={**critic_of(path), "r1": r1}), current_backend())
        begin(trainer, path)
        losses.append(advance(trainer, 1)[0]["critic"])
        moments.append(values(trainer)["optimizer/critic/2"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert np.abs(moments[1] - moments[0]).max() > 1e-3


@pytest.mark.parametrize(("processor", "dtype"), [(True, "float32"), (False, "bfloat16")])
def test_a_critic_computes_in_float32_on_processors(tmp_path: Path, processor: bool, dtype: str) -> None:
    recipe = tiny_recipe(critic=critic_of(write_published(tmp_path / "tiny.safetensors")))
    critic = Networks(recipe, "mixed_bfloat16", processor=processor).critic
    assert critic is not None
    change = draws(*STILL, -1.0, -1.0)
    maps = critic.see(dict.fromkeys(Direction, pictures(1, 8)), dict.fromkeys(Direction, change))
    assert {tf.as_dtype(found.dtype).name for found in maps} == {dtype}


@pytest.mark.usefixtures("eagerly")
def test_a_checkpoint_has_all_of_the_critic(tmp_path: Path) -> None:
    path = write_published(tmp_path / "tiny.safetensors")
    trainer = Trainer(tiny_recipe(critic=critic_of(path)), current_backend())
    begin(trainer, path)
    advance(trainer, 1)
    before = values(trainer)
    save_checkpoint(tmp_path / "checkpoint.safetensors", trainer.networks.state, trainer.recipe, Position(1, 2))
    path.unlink()
    other = Trainer(tiny_recipe(critic=critic_of(path), seed=9), current_backend())
    saved = load_checkpoint(tmp_path / "checkpoint.safetensors", other.networks.state)
    other.adopt()
    assert saved.recipe == trainer.recipe
    assert all(np.array_equal(before[name], value) for name, value in values(other).items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": ""}, "weights must name the file"),
        ({"network": "vgg"}, "network must be one of efficientnet-lite0.*Received: 'vgg'"),
        ({"size": 100}, "multiple of 32 and at least 96. Received: 100"),
        ({"weight": -1}, "weight must not be negative"),
        ({"r1": -1}, "r1 must not be negative"),
        ({"beta_2": 1}, "beta_2 must lie between"),
        ({"colour": 1}, "critic: unknown fields. Received: colour"),
    ],
)
def test_critics_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny_recipe(critic={"weights": "any", **changes})
