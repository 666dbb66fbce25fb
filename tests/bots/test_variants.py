"""What a photo may be painted as once more."""

from bots.variants import Variant, changed
from inference import Crop, Direction, Faces, Options, Region


def test_what_a_press_changes() -> None:
    assert changed(Options(crop=Crop.WIDE), Variant.WIDER, 2) is None
    assert changed(Options(crop=Crop.TIGHT), Variant.WIDER, 2) == Options()
    assert changed(Options(faces=Faces.LARGEST), Variant.ALL_FACES, 2) == Options()
    assert changed(Options(), Variant.ALL_FACES, 2) is None
    assert changed(Options(whole=True), Variant.TIGHTER, 2) is None
    assert changed(Options(region=Region(0, 0, 1, 1)), Variant.WIDER, 2) is None


def test_what_a_press_changes_of_the_faces() -> None:
    assert changed(Options(), Variant.NEXT_FACE, 1) is None
    assert changed(Options(), Variant.NEXT_FACE, 3) == Options(face=0)
    assert changed(Options(faces=Faces.LARGEST), Variant.NEXT_FACE, 3) == Options(faces=Faces.LARGEST, face=1)
    assert changed(Options(face=2), Variant.NEXT_FACE, 3) == Options(face=0)
    assert changed(Options(face=1), Variant.ALL_FACES, 3) == Options()
    assert changed(Options(face=1), Variant.WIDER, 3) == Options(crop=Crop.WIDE, face=1)
    assert changed(Options(face=1, direction=Direction.REVERSE), Variant.WHOLE, 0) == Options(
        whole=True, face=1, direction=Direction.REVERSE
    )
    assert changed(Options(whole=True), Variant.WHOLE, 0) is None
    assert changed(Options(whole=True), Variant.NEXT_FACE, 3) is None
