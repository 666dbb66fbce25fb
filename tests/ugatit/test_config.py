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
    ],
)
def test_a_value_out_of_range_is_said_with_what_was_received(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GeneratorConfig(**fields)


@pytest.mark.parametrize(
    "config",
    [GeneratorConfig(), GeneratorConfig(16, 3, 2, 128, False, "pytorch", False)],
)
def test_there_and_back(config: GeneratorConfig) -> None:
    assert GeneratorConfig.from_json(config.to_json()) == config
    assert GeneratorConfig.from_dict(config.to_dict()) == config


def test_derived_sizes() -> None:
    config = GeneratorConfig(base_channels=16, downsamplings=3, image_size=256)
    assert (config.width, config.bottleneck) == (128, 32)
