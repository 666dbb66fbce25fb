"""What runs inside a prepare process. The service names these functions, so OpenCV is imported only when they run."""

import ctypes
import math
import os
import resource
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from inference.errors import FaceTooSmall, NoFace, PrepareTimeout
from inference.options import Faces, Options
from inference.orphan import end_with_parent

if TYPE_CHECKING:
    from inference.crop import Square
    from inference.decode import Limits, Photo
    from inference.detect import Detector, Face

TYPICAL_FACE = 0.3  # of a photo's longest side: a selfie at arm's length
BLOWN_UP = 1.1  # nobody sees a crop enlarged by so little, and a photo decoded twice as large takes far longer
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
KEPT = 1 << 25  # bytes; glibc takes no larger M_MMAP_THRESHOLD
_detector: "Detector | None" = None  # one a process, made by `start`


@dataclass(frozen=True, slots=True)
class Job:
    """What to prepare.

    Args:
        pixels: most pixels that a photo may have; `side`: along its longest side.
        faces: most faces taken from one photo.
        size: side of the network's input; `shown`: side of the crop that is shown beside the result.
    """

    options: Options
    pixels: int
    side: int
    faces: int
    size: int
    shown: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """Arrays alone, left to right.

    Args:
        inputs: (N, size, size, 3) uint8 for the network.
        originals: (N, shown, shown, 3) uint8, the same crops.
        found: faces in the photo that are large enough; 0 when none were looked for.
    """

    inputs: np.ndarray
    originals: np.ndarray
    found: int


def start(memory: int) -> None:
    """Load what every photo needs, then allow `memory` bytes more."""
    global _detector
    end_with_parent()
    os.nice(3)  # the event loop goes first, then photos, then the engine where it shares the processor
    import cv2

    from inference.detect import Detector

    _keep_memory()
    cv2.setNumThreads(1)  # photos run side by side; the other cores are the engine's
    _detector = Detector()
    _detector.detect(np.zeros((64, 64, 3), np.uint8))
    if sys.platform == "linux":  # elsewhere no limit counts what is really used; the time limit holds everywhere
        # RLIMIT_DATA, not RLIMIT_AS: OpenCV maps several hundred MB of address space that it never touches.
        allowed = _data_bytes() + memory
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))


def _keep_memory() -> None:
    """Let glibc keep freed arrays of up to 32 MB: else each is mapped anew, a quarter of a photo's processor time."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, KEPT)
        library.mallopt(M_TRIM_THRESHOLD, 2 * KEPT)


def _data_bytes() -> int:
    """What RLIMIT_DATA counts, for this process now (proc(5), VmData)."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))


def prepare(data: bytes, job: Job) -> Prepared:
    """From a photo's bytes to the network's inputs.

    Raises:
        InferenceError: as `decode.decode`; NoFace and FaceTooSmall where faces are looked for.
    """
    from inference.decode import Limits

    try:
        return _prepare(data, job, Limits(job.pixels, job.side))
    except MemoryError:
        raise PrepareTimeout("the photo needs more memory than it may take") from None


def _prepare(data: bytes, job: Job, limits: "Limits") -> Prepared:
    import cv2

    from inference.colour import to_srgb
    from inference.crop import FACE_HEIGHT, SMALLEST_FACE, around, cut, drawn, shrink, whole
    from inference.decode import decode
    from inference.detect import LONGEST

    # Large enough for the detector, and so that a typical face need not be decoded a second time for its crop.
    needed = math.ceil(job.shown * FACE_HEIGHT / TYPICAL_FACE / BLOWN_UP)
    photo, found = decode(data, limits, max(LONGEST, needed)), 0
    if job.options.region:
        squares = [drawn(job.options.region, photo.width, photo.height)]
        if squares[0].side < SMALLEST_FACE:
            raise FaceTooSmall(f"the part has {squares[0].side:.0f} px; {SMALLEST_FACE} are needed")
    elif job.options.whole:
        squares = [whole(photo.width, photo.height)]
    else:
        faces = _large_enough(_faces(photo), photo.scale)
        found = len(faces)
        squares = [around(face, job.options.crop).scaled(1 / photo.scale) for face in _chosen(faces, job)]

    photo = _sharp_enough(data, limits, photo, squares, job.shown)
    try:
        crops = (cut(photo.pixels, square.scaled(photo.scale), job.shown) for square in squares)
        originals = np.stack([to_srgb(crop, photo.profile) for crop in crops])  # the crops alone: 50 times less to do
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        raise
    return Prepared(shrink(originals, job.size), originals, found)


def _faces(photo: "Photo") -> "tuple[Face, ...]":
    if _detector is None:
        raise RuntimeError("start() has not run in this process")
    return _detector.detect(photo.pixels)


def _large_enough(faces: "tuple[Face, ...]", scale: float) -> "list[Face]":
    """Those that can be painted. The others count for nothing: a button that leads to them would do nothing."""
    from inference.crop import SMALLEST_FACE

    if not faces:
        raise NoFace("the detector found no face")
    good = [face for face in faces if face.height / scale >= SMALLEST_FACE]
    if not good:
        tallest = max(face.height for face in faces) / scale
        raise FaceTooSmall(f"the tallest of {len(faces)} faces has {tallest:.0f} px; {SMALLEST_FACE} are needed")
    return good


def _chosen(faces: "list[Face]", job: Job) -> "list[Face]":
    """The faces to paint, left to right: the largest up to the limit."""
    largest = sorted(faces, key=lambda face: face.width * face.height, reverse=True)
    if job.options.face is not None:
        return [largest[job.options.face % len(largest)]]
    most = 1 if job.options.faces is Faces.LARGEST else job.faces
    return sorted(largest[:most], key=lambda face: face.x)


def _sharp_enough(data: bytes, limits: "Limits", photo: "Photo", squares: "list[Square]", shown: int) -> "Photo":
    """`photo`, or a larger decode of it where a square has too few pixels for what will be shown of it."""
    from inference.decode import decode

    wanted = min(1.0, shown / min(square.side for square in squares))
    if photo.scale * BLOWN_UP >= wanted:
        return photo
    return decode(data, limits, round(wanted * max(photo.width, photo.height)))


def awake() -> None:
    """The first task of a pool: does nothing but make the processes start."""
