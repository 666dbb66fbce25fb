from dataclasses import replace
from typing import Any

import pytest

from ugatit import GeneratorConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"base_channels": 0}, "base_channels must be a whole number of at least 1. Received: 0"),
        ({"base_channels": 1.5}, "Received: 1.5"),
        ({"blocks": True}, "Received: True"),
        ({"light": "yes"}, "light must be true or false. Received: 'yes'"),
        ({"dialect": "caffe"}, "dialect must be one of tensorflow, pytorch. Received: 'caffe'"),
        ({"dialect": "pytorch"}, "smoothing belongs to the tensorflow dialect. Received: smoothing=True"),
        ({"image_size": 30}, "a multiple of 4 .* Received: image_size=30, downsamplings=2"),
        ({"image_size": 4}, "Received: image_size=4"),
        ({"pixel_shuffle": 0}, "pixel_shuffle must be a whole number of at least 1. Received: 0"),
        ({"image_size": 20, "pixel_shuffle": 2}, "a multiple of 8 .* Received: image_size=20, .* pixel_shuffle=2"),
        ({"image_size": 8, "downsamplings": 1, "pixel_shuffle": 3}, "at least 12 and a multiple of 6"),
    ],
)
def test_a_value_out_of_range_is_said_with_what_was_received(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GeneratorConfig(**fields)


@pytest.mark.parametrize(
    "config",
    [GeneratorConfig(), GeneratorConfig(16, 3, 2, 128, False, "pytorch", False, 2)],
)
def test_there_and_back(config: GeneratorConfig) -> None:
    assert GeneratorConfig.from_json(config.to_json()) == config
    assert GeneratorConfig.from_dict(config.to_dict()) == config


def test_derived_sizes() -> None:
    config = GeneratorConfig(base_channels=16, downsamplings=3, image_size=256)
    assert (config.width, config.cells, config.colours, config.bottleneck) == (128, 256, 3, 32)
    config = replace(config, pixel_shuffle=2)
    assert (config.width, config.cells, config.colours, config.bottleneck) == (128, 128, 12, 16)
