import hashlib

import numpy as np
import pytest
from PIL import Image

from inference.detect import MODEL, MODEL_SHA256, Detector, Face, Point


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector()


def test_the_model_is_the_one_that_was_measured() -> None:
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == MODEL_SHA256
    assert "Shiqi Yu" in MODEL.with_name("LICENSE-yunet").read_text()


def test_finds_the_face(detector: Detector, astronaut: Image.Image) -> None:
    (face,) = detector.detect(np.asarray(astronaut))

    assert face.x == pytest.approx(178, abs=6)
    assert face.y == pytest.approx(63, abs=6)
    assert face.height == pytest.approx(113, abs=8)
    assert face.right_eye.x < face.nose.x < face.left_eye.x  # the person's right is on our left
    assert face.right_eye.y < face.nose.y < face.right_mouth.y
    assert face.right_mouth.x < face.left_mouth.x
    assert face.score > 0.8


def test_answers_in_pixels_of_the_photo_given(detector: Detector, astronaut: Image.Image) -> None:
    large = Image.new("RGB", (2000, 1536), "white")
    large.paste(astronaut.resize((1536, 1536)), (400, 0))

    (face,) = detector.detect(np.asarray(large))

    assert face.nose.x == pytest.approx(400 + 220 * 3, abs=15)
    assert face.nose.y == pytest.approx(124.5 * 3, abs=15)
    assert face.height == pytest.approx(113 * 3, rel=0.2)


def test_orders_faces_from_left_to_right(detector: Detector, astronaut: Image.Image) -> None:
    head = astronaut.crop((120, 10, 320, 240))
    row = Image.new("RGB", (1200, 240), "white")
    for x, size in ((20, 1.0), (420, 0.6), (820, 0.8)):
        row.paste(head.resize((int(200 * size), int(230 * size))), (x, 5))

    faces = detector.detect(np.asarray(row))

    assert len(faces) == 3
    assert [face.x for face in faces] == sorted(face.x for face in faces)


def test_finds_a_face_that_fills_the_frame(detector: Detector, astronaut: Image.Image) -> None:
    close = astronaut.crop((155, 45, 290, 180)).resize((1600, 1600))

    (face,) = detector.detect(np.asarray(close))

    assert face.height > 1000


def test_a_friend_in_the_distance_is_found_beside_a_large_face(detector: Detector, astronaut: Image.Image) -> None:
    """At a glance the small one is a suspicion at most."""
    head = astronaut.crop((155, 45, 290, 180))
    photo = Image.new("RGB", (1280, 960), "grey")
    photo.paste(head.resize((500, 500)), (60, 300))
    photo.paste(head.resize((90, 90)), (1000, 200))

    near, far = detector.detect(np.asarray(photo))

    assert near.height > 300
    assert far.height < 100


@pytest.mark.parametrize("place", [(720, 10), (1180, 10), (1180, 440), (1180, 860), (720, 860)])
def test_a_friend_at_the_edge_is_found_where_he_is(
    detector: Detector, astronaut: Image.Image, place: tuple[int, int]
) -> None:
    """The window that is looked at more closely does not reach beyond the photo."""
    head = astronaut.crop((155, 45, 290, 180))
    photo = Image.new("RGB", (1280, 960), "grey")
    photo.paste(head.resize((500, 500)), (60, 300))
    photo.paste(head.resize((90, 90)), place)

    _, far = detector.detect(np.asarray(photo))

    assert far.nose.x == pytest.approx(place[0] + 45, abs=10)
    assert far.nose.y == pytest.approx(place[1] + 54, abs=10)
    assert far.width < 100


def test_a_face_is_counted_once_at_every_size(detector: Detector, astronaut: Image.Image) -> None:
    """Whatever the glance and the closer look each make of it, one face stays one face."""
    head = astronaut.crop((120, 10, 320, 240))
    for height in range(120, 960, 40):
        photo = Image.new("RGB", (1280, 960), "grey")
        photo.paste(head.resize((height * 200 // 230, height)), (200, 10))

        assert len(detector.detect(np.asarray(photo))) == 1, height


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3), (31, 33), (640, 640)])
def test_finds_nothing_where_nothing_is(detector: Detector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 90, np.uint8)) == ()


@pytest.mark.parametrize(
    ("faces", "score", "looks"), [(4, 0.2, [320, 640]), (4, 0.1, [320, *3 * [160]]), (1, 0.2, [320, 160])]
)
def test_many_suspicions_are_worth_a_look_at_everything(
    detector: Detector, monkeypatch: pytest.MonkeyPatch, faces: int, score: float, looks: list[int]
) -> None:
    """Of a group, some are seen less surely than others; two suspicions of one face are one."""
    sure = face_at(100, 0.9)
    doubtful = [face_at(300 + 60 * number, score) for number in range(faces)]
    twice = [face_at(302 + 60 * number, score - 0.01) for number in range(faces)]
    taken = []

    def look(pixels: np.ndarray, longest: int, confidence: float, corner: tuple[int, int] = (0, 0)) -> tuple[Face, ...]:
        taken.append(longest)
        return (sure, *doubtful, *twice) if longest == 320 else ()

    monkeypatch.setattr(detector, "look", look)
    assert detector.detect(np.zeros((640, 640, 3), np.uint8)) == (sure,)
    assert taken == looks


def face_at(x: float, score: float) -> Face:
    nose = Point(x + 20, 120)
    return Face(x, 100, 40, 40, nose, nose, nose, nose, nose, score)
