"""Options travel as JSON beside a job, and regions that lie outside the photo are refused."""

import pytest

from inference.options import Crop, Direction, Faces, Options, Region


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(faces=Faces.LARGEST, crop=Crop.TIGHT),
        Options(whole=True),
        Options(region=Region(0.25, 0.5, 0.125, 0.25)),
        Options(face=2, direction=Direction.REVERSE),
    ],
)
def test_options_survive_the_way_through_json(options: Options) -> None:
    assert Options.from_json(options.to_json()) == options


def test_options_of_an_earlier_release_are_read() -> None:
    text = '{"faces": "largest", "crop": "wide", "whole": false, "region": null}'
    assert Options.from_json(text) == Options(Faces.LARGEST, Crop.WIDE, face=None, direction=Direction.ANIME)


@pytest.mark.parametrize("values", [(-0.1, 0, 0.5, 0.5), (0, 0, 0, 0.5), (0.6, 0, 0.5, 0.5), (0, 0, float("nan"), 1)])
def test_a_region_outside_the_photo_is_refused(values: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="a region needs"):
        Region(*values)
