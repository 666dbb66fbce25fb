"""The sample photo: 512 x 512, one face, its box about 90 x 113 at (178, 63)."""

import pytest
from PIL import Image

from tests.inference import SAMPLE


@pytest.fixture(scope="session")
def photo() -> bytes:
    return SAMPLE.read_bytes()


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    with Image.open(SAMPLE) as image:
        return image.convert("RGB")
