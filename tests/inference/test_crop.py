import math

import cv2
import numpy as np
import pytest
from PIL import Image

from inference.crop import Square, around, cut, drawn, roll, shrink, whole
from inference.detect import Detector, Face, Point
from inference.options import Crop, Region


def face(x: float = 100, y: float = 100, width: float = 62, height: float = 81, tilt: float = 0.0) -> Face:
    """A face with that box, its eyes on a line at `tilt` degrees."""
    cx, cy, angle = x + width / 2, y + height / 2, math.radians(tilt)
    right = Point(cx - 15 * math.cos(angle), cy - 15 * math.sin(angle))
    left = Point(cx + 15 * math.cos(angle), cy + 15 * math.sin(angle))
    return Face(x, y, width, height, right, left, Point(cx, cy), right, left, 0.9)


def test_the_box_has_its_measured_share_and_place() -> None:
    square = around(face())

    assert square.side == pytest.approx(100)
    left, top = square.x - square.side / 2, square.y - square.side / 2
    assert (131 - left) / square.side == pytest.approx(0.50)
    assert (140.5 - top) / square.side == pytest.approx(0.447)


def test_wide_and_tight_are_steps_of_a_quarter() -> None:
    sides = [around(face(), crop).side for crop in (Crop.TIGHT, Crop.DEFAULT, Crop.WIDE)]

    assert sides == pytest.approx([80, 100, 125])


@pytest.mark.parametrize("tilt", [-19, -6, 0, 6, 19])
def test_a_usual_tilt_stays(tilt: float) -> None:
    assert around(face(tilt=tilt)).angle == 0


@pytest.mark.parametrize("tilt", [-170, -90, -45, -21, 21, 45, 90, 170])
def test_an_unusual_tilt_is_levelled(tilt: float) -> None:
    assert math.degrees(around(face(tilt=tilt)).angle) == pytest.approx(tilt)


@pytest.mark.parametrize("turned", [35, -50, 90, 180])
def test_a_turned_head_looks_like_the_level_one(turned: int, astronaut: Image.Image) -> None:
    detector = Detector()
    centre = (223, 120)
    (level,) = detector.detect(np.asarray(astronaut))
    matrix = cv2.getRotationMatrix2D(centre, -turned, 1)
    pixels = cv2.warpAffine(np.asarray(astronaut), matrix, (512, 512), borderMode=cv2.BORDER_REFLECT)
    eyes = [Point(*(matrix @ (p.x, p.y, 1))) for p in (level.right_eye, level.left_eye)]
    angle = math.radians(turned)
    width = math.hypot(level.width * math.cos(angle), level.height * math.sin(angle))
    height = math.hypot(level.width * math.sin(angle), level.height * math.cos(angle))
    middle = matrix @ (level.x + level.width / 2, level.y + level.height / 2, 1)
    corner = Point(middle[0] - width / 2, middle[1] - height / 2)
    head = Face(corner.x, corner.y, width, height, *eyes, level.nose, *eyes, 0.9)

    crop = cut(pixels, around(head), 256)
    (found,) = detector.detect(crop)

    assert abs(math.degrees(roll(found))) < 8
    assert found.height / 256 == pytest.approx(0.81, abs=0.07)
    assert (found.y + found.height / 2) / 256 == pytest.approx(0.447, abs=0.05)


def test_the_sample_is_cropped_as_the_training_photos_are(astronaut: Image.Image) -> None:
    detector = Detector()
    (found,) = detector.detect(np.asarray(astronaut))

    crop = cut(np.asarray(astronaut), around(found), 256)

    assert crop.shape == (256, 256, 3)
    assert crop.dtype == np.uint8
    (again,) = detector.detect(crop)
    assert again.height / 256 == pytest.approx(0.81, abs=0.05)
    assert (again.x + again.width / 2) / 256 == pytest.approx(0.5, abs=0.03)
    assert (again.y + again.height / 2) / 256 == pytest.approx(0.447, abs=0.03)


def test_cutting_at_the_photos_own_size_changes_nothing() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)

    assert np.array_equal(cut(pixels, Square(20, 22, 30), 30), pixels[7:37, 5:35])


def test_goes_on_mirrored_beyond_the_edge() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8)

    crop = cut(pixels, Square(10, 10, 40), 40)

    assert np.array_equal(crop[10:30, 10:30], pixels)
    assert np.array_equal(crop[10:30, 9], pixels[:, 1])
    assert np.array_equal(crop[30, 10:30], pixels[18])


@pytest.mark.parametrize("side", [40, 129, 300, 1000, 2000])
def test_shrinking_averages(side: int) -> None:
    """A fine checkerboard becomes grey; picking single pixels would show patterns."""
    board = np.indices((2000, 2000)).sum(axis=0) % 2 * 255
    pixels = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)

    crop = cut(pixels, Square(1000, 1000, side), 20)

    assert np.abs(crop.astype(int) - 127).max() <= 32


@pytest.mark.parametrize("factor", [2, 3, 7.3])
def test_shrinking_keeps_things_in_their_place(factor: float) -> None:
    size = 64
    side = round(size * factor)
    ramp = np.linspace(0, 255, side)
    pixels = np.repeat(np.tile(ramp, (side, 1))[..., None], 3, axis=2).astype(np.uint8)

    crop = cut(pixels, Square(side / 2, side / 2, side), size)

    wanted = (np.arange(size) + 0.5) / size * 255
    assert np.abs(crop[:, 2:-2, 0] - wanted[2:-2]).max() < 3


def test_whole_is_the_centred_square() -> None:
    assert whole(300, 200) == Square(150, 100, 200)
    assert whole(200, 300) == Square(100, 150, 200)


@pytest.mark.parametrize(
    ("region", "square"),
    [
        (Region(0.25, 0.25, 0.5, 0.5), Square(100, 50, 100)),  # of 200 x 100: a square covers it
        (Region(0, 0, 0.25, 0.5), Square(25, 25, 50)),
        (Region(0.9, 0, 0.1, 0.5), Square(175, 25, 50)),  # moved inside
        (Region(0, 0, 1, 1), Square(100, 50, 200)),  # larger than the photo: mirrored above and below
        (Region(0.5, 0.5, 1e-6, 1e-6), Square(100, 50, 1)),
    ],
)
def test_a_drawn_region_is_covered(region: Region, square: Square) -> None:
    found = drawn(region, 200, 100)

    assert (found.x, found.y, found.side) == pytest.approx((square.x, square.y, square.side), abs=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (1, 12), (12, 1), (2, 2), (1, 3000)])
def test_thin_photos(shape: tuple[int, int]) -> None:
    height, width = shape
    pixels = np.full((height, width, 3), 7, np.uint8)

    assert cut(pixels, whole(width, height), 16).tolist() == [[[7, 7, 7]] * 16] * 16
    assert cut(pixels, drawn(Region(0, 0, 1, 1), width, height), 16).tolist() == [[[7, 7, 7]] * 16] * 16


def test_shrink_is_for_the_networks_size() -> None:
    crops = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), np.uint8)

    assert shrink(crops, 32) is crops
    assert shrink(crops, 8).shape == (3, 8, 8, 3)
    assert abs(float(shrink(crops, 8).mean()) - float(crops.mean())) < 1
