"""Where the network looked."""

import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.ugatit.networks import TINY, random_generator, random_pictures
from ugatit import GeneratorConfig
from ugatit.attention import attention_model, colours, overlay
from ugatit.cli import app

PHOTO = Path(__file__).parents[2] / "docs" / "astronaut.png"


@pytest.mark.parametrize("config", [TINY, replace(TINY, dialect="pytorch", smoothing=False)])
def test_the_map_is_the_sum_of_the_gated_features(config: GeneratorConfig) -> None:
    """Only channel 3 of the average-pooled branch is let through: its gated features are the whole map."""
    model, pictures = random_generator(config), random_pictures(config)
    join = model.get_layer("conv_1x1-conv2d")
    kernel = np.zeros(join.kernel.shape, "f4")
    kernel[0, 0, 3, 5] = 1
    join.kernel.assign(kernel)
    join.bias.assign(np.zeros(join.bias.shape))
    painted, heat = attention_model(model)(pictures)
    assert np.allclose(painted, model(pictures), atol=1e-6)
    head = model.get_layer("CAM_logit" if config.dialect == "tensorflow" else "CAM_logit_average")
    gate = head.kernel.numpy()[3, 0] + (head.bias.numpy()[0] if config.dialect == "tensorflow" else 0)
    features = np.asarray(keras.Model(model.input, model.get_layer("resblock_1-add").output)(pictures))
    expected = np.maximum(features[..., 3] * gate, 0)
    assert expected.max() > 0.1
    assert heat.shape == (2, 4, 4)
    assert np.allclose(heat, expected, atol=1e-5)


def test_an_overlay_is_red_where_most_and_blue_where_least() -> None:
    heat = np.zeros((4, 4), "f4")
    heat[0, 0] = 7
    drawn = overlay(np.full((64, 64, 3), 100, "uint8"), heat)
    assert (drawn.shape, drawn.dtype) == ((64, 64, 3), np.uint8)
    assert drawn[0, 0].argmax() == 0
    assert drawn[-1, -1].argmax() == 2
    assert np.ptp(overlay(np.full((8, 8, 3), 100, "uint8"), np.ones((2, 2), "f4")), axis=(0, 1)).max() == 0


def test_colours_run_from_blue_over_green_to_red() -> None:
    values = colours(np.array([0.0, 0.25, 0.5, 0.75, 1.0]))
    assert values.tolist() == [[0, 0, 0.5], [0, 0.5, 1], [0.5, 1, 0.5], [1, 0.5, 0], [0.5, 0, 0]]


def test_translate_writes_them_beside_the_paintings(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(PHOTO, tmp_path / "in" / "a.png")
    plain, mapped = tmp_path / "plain", tmp_path / "mapped"
    for arguments in ([str(plain)], [str(mapped), "--heatmaps"]):
        result = CliRunner().invoke(app, ["translate", str(tmp_path / "in"), *arguments])
        assert result.exit_code == 0, result.output
    assert not (plain / "heatmaps").exists()
    with Image.open(plain / "a.png") as one, Image.open(mapped / "a.png") as other:
        assert np.abs(np.asarray(one, "i2") - np.asarray(other, "i2")).max() <= 1
    with Image.open(mapped / "heatmaps" / "a.png") as image:
        assert (image.size, image.mode) == ((256, 256), "RGB")
        assert np.asarray(image).std() > 20
