"""The square that the network sees: where it lies in the photo, and its pixels.

Measured with YuNet on 850 of the 3,400 training selfies: the face box has 0.81 of the frame's height and 0.62 of its
width, its centre lies at (0.50, 0.447), and the eyes' roll is within 20 degrees for nine of ten.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from inference.detect import Face
from inference.options import Crop, Region

FACE_HEIGHT = 0.81
FACE_ASPECT = 0.62 / 0.81
FACE_CENTRE_Y = 0.447
STEP = 1.25
ROLL_SPREAD = math.radians(20)
SMALLEST_FACE = 48  # pixels of box height; what the network would be given below is mostly guessed by enlarging


@dataclass(frozen=True, slots=True)
class Square:
    """A square in the photo: its centre and side in pixels, and the angle of its top edge in radians, clockwise."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def scaled(self, factor: float) -> "Square":
        """The same square in the photo resized by `factor`."""
        return Square(self.x * factor, self.y * factor, self.side * factor, self.angle)


def roll(face: Face) -> float:
    """The angle of the line through the eyes, radians clockwise; 0 for an upright head."""
    return math.atan2(face.left_eye.y - face.right_eye.y, face.left_eye.x - face.right_eye.x)


def around(face: Face, crop: Crop = Crop.DEFAULT) -> Square:
    """The square in which `face` sits as the training photos show faces.

    Within the training data's spread a tilt stays, since it belongs to the pose. Beyond it the head is levelled fully,
    not just to the spread's edge: the network is at its best in the middle of what it knows, and half of it is within 6
    degrees.
    """
    angle, height = roll(face), face.height
    if abs(angle) <= ROLL_SPREAD:
        angle = 0.0
    else:
        # The box of a tilted ellipse keeps width² + height² as it turns: so the height it would have when level.
        height = math.hypot(face.width, face.height) / math.hypot(1.0, FACE_ASPECT)
    side = height / {Crop.DEFAULT: FACE_HEIGHT, Crop.WIDE: FACE_HEIGHT / STEP, Crop.TIGHT: FACE_HEIGHT * STEP}[crop]
    down = (0.5 - FACE_CENTRE_Y) * side
    x = face.x + face.width / 2 - down * math.sin(angle)
    y = face.y + face.height / 2 + down * math.cos(angle)
    return Square(x, y, side, angle)


def whole(width: int, height: int) -> Square:
    """The largest centred square of a photo of that size."""
    return Square(width / 2, height / 2, min(width, height))


def drawn(region: Region, width: int, height: int) -> Square:
    """The square that covers `region` of a photo of that size, moved inside the photo where it fits."""
    side = max(region.width * width, region.height * height, 1.0)
    x = (region.x + region.width / 2) * width
    y = (region.y + region.height / 2) * height
    return Square(_inside(x, side, width), _inside(y, side, height), side)


def _inside(centre: float, side: float, length: int) -> float:
    return min(max(centre, side / 2), length - side / 2) if side <= length else centre


def cut(pixels: np.ndarray, square: Square, size: int) -> np.ndarray:
    """The pixels of `square` at `size`: (H, W, 3) uint8 → (size, size, 3) uint8.

    Beyond the photo's edge it goes on mirrored. Shrinking averages over the area, so that nothing aliases: by a whole
    factor first, the rest from twice the size wanted.
    """
    factor = int(square.side // size)
    if factor > 1:
        height, width = pixels.shape[:2]
        small = max(1, round(width / factor)), max(1, round(height / factor))
        pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
        square = square.scaled(max(small) / max(width, height))
    if square.side <= size:
        return _warp(pixels, square, size, cv2.INTER_CUBIC)
    return cv2.resize(_warp(pixels, square, 2 * size, cv2.INTER_LINEAR), (size, size), interpolation=cv2.INTER_AREA)


def shrink(crops: np.ndarray, size: int) -> np.ndarray:
    """(N, D, D, 3) uint8 → (N, size, size, 3) uint8, by area; as they are when they have that size."""
    if crops.shape[1] == size:
        return crops
    return np.stack([cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA) for crop in crops])


def _warp(pixels: np.ndarray, square: Square, size: int, interpolation: int) -> np.ndarray:
    for axis in (0, 1):
        if pixels.shape[axis] == 1:  # OpenCV never returns from mirroring a single row; two alike mirror to the same
            pixels = np.repeat(pixels, 2, axis)
    # Continuous coordinates (pixel i covers i to i + 1): photo = centre + step · R · (out - size / 2). OpenCV counts
    # from pixel centres, hence the halves.
    step = square.side / size
    cos, sin = step * math.cos(square.angle), step * math.sin(square.angle)
    middle = (size - 1) / 2
    matrix = np.array(
        [
            [cos, -sin, square.x - 0.5 - cos * middle + sin * middle],
            [sin, cos, square.y - 0.5 - sin * middle - cos * middle],
        ]
    )
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(pixels, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
