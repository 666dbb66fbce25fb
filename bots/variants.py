"""What else can be had of a photo that was painted: the same for every front door that offers it by buttons."""

from dataclasses import replace
from enum import StrEnum

from inference import Crop, Faces, Options

WITHOUT_FACE = frozenset({"no_face", "face_too_small"})
"""Why a job ended without a picture although its whole photo can still be painted."""
CROPS = (Crop.TIGHT, Crop.DEFAULT, Crop.WIDE)


class Variant(StrEnum):
    """How a photo may be painted once more."""

    WIDER = "wider"
    TIGHTER = "tighter"
    NEXT_FACE = "next"
    ALL_FACES = "all"
    WHOLE = "whole"


def changed(options: Options, variant: Variant, found: int) -> Options | None:
    """The options that ask for `variant`; None where it would change nothing.

    Args:
        found: faces in the photo.
    """
    if options.whole or options.region:  # no face was looked for
        return None
    if variant is Variant.WHOLE:
        return replace(options, whole=True)
    if variant is Variant.ALL_FACES:
        one = options.faces is Faces.LARGEST or options.face is not None
        return replace(options, faces=Faces.ALL, face=None) if one else None
    if variant is Variant.NEXT_FACE:
        # The largest comes first; who has seen that alone goes on with the second.
        before = 0 if options.face is None and options.faces is Faces.LARGEST else options.face
        return replace(options, face=0 if before is None else (before + 1) % found) if found > 1 else None
    step = CROPS.index(options.crop) + {Variant.WIDER: 1, Variant.TIGHTER: -1}[variant]
    return replace(options, crop=CROPS[step]) if 0 <= step < len(CROPS) else None


def offered(options: Options, *, photos: int, painted: int, found: int) -> frozenset[Variant]:
    """What is worth a button under a result.

    Args:
        photos: in the job; painted: pictures in its result; found: faces in its photos.
    """
    variants = {variant for variant in Variant if changed(options, variant, found) is not None}
    if found <= painted:
        variants.discard(Variant.ALL_FACES)
    if photos > 1:  # of which photo?
        variants.discard(Variant.NEXT_FACE)
    return frozenset(variants - {Variant.WHOLE})
