"""A steered pipeline and a recording door for whoever tests the studio."""

import pytest

from tests.bots.studio_parts import RecordingDoor, SteeredPipeline


@pytest.fixture
def pipeline():
    return SteeredPipeline()


@pytest.fixture
def door():
    return RecordingDoor()
