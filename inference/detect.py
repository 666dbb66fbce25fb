"""Faces in a photo, by YuNet (Wu et al., Machine Intelligence Research 2023) as OpenCV runs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

MODEL = Path(__file__).with_name("models") / "face_detection_yunet_2023mar.onnx"
MODEL_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
CONFIDENCE = 0.7  # of OpenCV's 0..1; below it hands, pets and patterns begin
SUSPICION = 0.05  # what may turn out to be a face on a closer look
DOUBT = 0.3  # what may even if it is large at a glance already
OVERLAP = 0.3
GLANCE = 320  # a quarter of the work of LONGEST, and enough for a selfie
LONGEST = 640
WINDOW = 160  # of LONGEST: what is seen of it around one suspicion, at a twelfth of the work
WINDOWS = 3  # around the strongest suspicions; a fourth finds hardly anything more
CROWD = 0.15  # but a fourth so strong is one of many people, and the whole photo is looked at
CLOSE_UP = 256  # YuNet learned faces of up to some 300 px: one that fills the frame is found at this size


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face, in pixels of the photo. Right and left are the person's own, as YuNet orders them."""

    x: float
    y: float
    width: float
    height: float
    right_eye: Point
    left_eye: Point
    nose: Point
    right_mouth: Point
    left_mouth: Point
    score: float


class Detector:
    """Holds the loaded model; not to be shared between threads."""

    def __init__(self, model: Path = MODEL) -> None:
        # OpenCV 5 warns once that its new graph engine picks the target itself; errors still show.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        self._network = cv2.FaceDetectorYN.create(str(model), "", (LONGEST, LONGEST), CONFIDENCE, OVERLAP)

    def detect(self, pixels: np.ndarray) -> tuple[Face, ...]:
        """All faces in `pixels` ((H, W, 3) uint8 RGB), left to right.

        A glance at 320 px settles it for selfies. A small suspicion beside a face that is sure gets a window of its own
        at 640 px; only where no face is sure, or a large one is not, or many are suspected, the whole photo is looked
        at so closely. Of people far behind it finds no fewer than the whole would, in half of the time:
        `python -m benchmarks.detection`.
        """
        glance = self.look(pixels, GLANCE, SUSPICION)
        faces = [face for face in glance if face.score >= CONFIDENCE]
        doubtful = [face for face in glance if not any(_same(face, sure) for sure in faces)]
        side = WINDOW * max(1.0, max(pixels.shape[:2]) / LONGEST)
        if not faces or any(face.score >= DOUBT and _longest(face) > side / 2 for face in doubtful):
            return self._look_at_all(pixels, faces)
        small = [face for face in doubtful if _longest(face) <= side / 2]
        small = _distinct(sorted(small, key=_score, reverse=True))
        if len(small) > WINDOWS and small[WINDOWS].score >= CROWD:
            return self._look_at_all(pixels, faces)
        for suspicion in small[:WINDOWS]:
            found = self._look_around(pixels, suspicion, round(side))
            faces += [face for face in found if not any(_same(face, other) for other in faces)]
        return tuple(sorted(faces, key=_left))

    def _look_at_all(self, pixels: np.ndarray, sure: Sequence[Face]) -> tuple[Face, ...]:
        faces = self.look(pixels, LONGEST, CONFIDENCE)
        # The closer look can miss a face that fills the frame, for which the glance has the better distance.
        missed = (face for face in sure if not any(_same(face, other) for other in faces))
        return tuple(sorted((*faces, *missed), key=_left)) or self.look(pixels, CLOSE_UP, CONFIDENCE)

    def _look_around(self, pixels: np.ndarray, suspicion: Face, side: int) -> tuple[Face, ...]:
        """The faces in a window of `side` pixels of the photo, with the suspicion in its middle where it fits."""
        height, width = pixels.shape[:2]
        left = min(max(0, round(suspicion.x + (suspicion.width - side) / 2)), max(0, width - side))
        top = min(max(0, round(suspicion.y + (suspicion.height - side) / 2)), max(0, height - side))
        window = pixels[top : top + side, left : left + side]
        return self.look(window, WINDOW, CONFIDENCE, corner=(left, top))

    def look(
        self, pixels: np.ndarray, longest: int, confidence: float, corner: tuple[int, int] = (0, 0)
    ) -> tuple[Face, ...]:
        """The faces in `pixels`, shrunk until no side is above `longest`, that reach `confidence`, left to right.

        Args:
            corner: where in the photo the first of `pixels` lies (x, y); the faces are told in the photo's.
        """
        height, width = pixels.shape[:2]
        ratio = min(1.0, longest / max(height, width))
        size = max(1, round(width * ratio)), max(1, round(height * ratio))
        small = pixels if ratio == 1.0 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        self._network.setInputSize(size)
        self._network.setScoreThreshold(confidence)
        _, rows = self._network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        if rows is None:
            return ()
        scale = np.tile((width / size[0], height / size[1]), 7)  # box, then five landmarks
        shift = np.array((*corner, 0, 0, *(corner * 5)))
        places = (rows[:, :14] * scale + shift).tolist()
        return tuple(sorted(map(_face, places, rows[:, 14].tolist()), key=_left))


def _left(face: Face) -> float:
    return face.x


def _score(face: Face) -> float:
    return face.score


def _longest(face: Face) -> float:
    return max(face.width, face.height)


def _same(face: Face, other: Face) -> bool:
    """Whether two boxes lie on one face: the smaller one is mostly inside the other."""
    width = min(face.x + face.width, other.x + other.width) - max(face.x, other.x)
    height = min(face.y + face.height, other.y + other.height) - max(face.y, other.y)
    smaller = min(face.width * face.height, other.width * other.height)
    return width > 0 and height > 0 and width * height > smaller / 2


def _distinct(faces: Sequence[Face]) -> list[Face]:
    """Of those that lie on one face the first."""
    distinct: list[Face] = []
    for face in faces:
        if not any(_same(face, other) for other in distinct):
            distinct.append(face)
    return distinct


def _face(values: list[float], score: float) -> Face:
    x, y, width, height, *rest = values
    eye, other_eye, nose, mouth, other_mouth = (Point(*pair) for pair in zip(rest[::2], rest[1::2], strict=True))
    return Face(x, y, width, height, eye, other_eye, nose, mouth, other_mouth, score)
