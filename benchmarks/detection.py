"""What a glance costs beside a close look at everything: `python -m benchmarks.detection --data selfie2anime`.

A selfie fills a corner of a frame of 640 x 640, and another one, shrunk until its face has the height asked for, lies
somewhere beside it on coloured noise: somebody far behind the person who holds the camera. Printed is how many of these
far faces are found, and how many faces too many, by the detector and by one look at the whole frame.

Then people in a group: six selfies beside each other in a frame of 1280 x 960, all faces of one height.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from benchmarks.machine import describe, spread
from inference.detect import CONFIDENCE, LONGEST, Detector, Face
from ugatit.data import load_split

SIDE = 640
NEAR = 440  # of the frame, for the selfie in its lower left corner
GROUP = 1280, 960  # width and height of a frame with a group, three people in a row
PEOPLE = 6


def frame(near: np.ndarray, far: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, int]]:
    """A photo of two people, (SIDE, SIDE, 3) uint8, and where the far one's picture lies in it (x, y)."""
    noise = rng.integers(60, 190, (40, 40, 3)).astype(np.uint8)
    photo = cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    photo[SIDE - NEAR :, :NEAR] = cv2.resize(near, (NEAR, NEAR), interpolation=cv2.INTER_AREA)
    side = far.shape[0]
    x, y = int(rng.integers(NEAR, SIDE - side)), int(rng.integers(0, SIDE - side))
    photo[y : y + side, x : x + side] = far
    return photo, (x, y)


def far_found(faces: tuple[Face, ...], x: float, y: float) -> bool:
    """Whether the nose of one of them is within 20 px of where it should be."""
    return any(abs(face.nose.x - x) < 20 and abs(face.nose.y - y) < 20 for face in faces)


def measure(selfies: np.ndarray, height: int, photos: int) -> None:
    """Print what is found of faces of that height in pixels."""
    detector, rng = Detector(), np.random.default_rng(height)
    looks = {
        "glance and windows": detector.detect,
        "whole frame at 640": lambda photo: detector.look(photo, LONGEST, CONFIDENCE),
    }
    found, beyond = dict.fromkeys(looks, 0), dict.fromkeys(looks, 0)
    milliseconds: dict[str, list[float]] = {name: [] for name in looks}
    count = 0
    while count < photos:
        near, far = (selfies[i] for i in rng.choice(len(selfies), 2, replace=False))
        one, other = detector.detect(near), detector.detect(far)
        if len(one) != 1 or len(other) != 1:
            continue
        scale = height / other[0].height
        side = round(scale * far.shape[0])
        small = cv2.resize(far, (side, side), interpolation=cv2.INTER_AREA)
        photo, (x, y) = frame(near, small, rng)
        nose = x + scale * other[0].nose.x, y + scale * other[0].nose.y
        count += 1
        for name, look in looks.items():
            began = time.process_time()
            faces = look(photo)
            milliseconds[name].append(1000 * (time.process_time() - began))
            found[name] += far_found(faces, *nose)
            beyond[name] += len(faces) > 2
    for name in looks:
        rest = f"{found[name]} of {count} found, {beyond[name]} with a face too many"
        print(f"{height} px  {name}  {rest}, {spread(milliseconds[name], 'ms')}")


def measure_groups(selfies: np.ndarray, height: int, photos: int) -> None:
    """Print how many people of groups are found whose faces have that height in pixels."""
    detector, rng = Detector(), np.random.default_rng(height)
    looks = {
        "glance and windows": detector.detect,
        "whole frame at 640": lambda photo: detector.look(photo, LONGEST, CONFIDENCE),
    }
    found, beyond, incomplete = dict.fromkeys(looks, 0), dict.fromkeys(looks, 0), 0
    milliseconds: dict[str, list[float]] = {name: [] for name in looks}
    for _ in range(photos):
        photo = group(selfies, detector, height, rng)
        counts = {}
        for name, look in looks.items():
            began = time.process_time()
            counts[name] = len(look(photo))
            milliseconds[name].append(1000 * (time.process_time() - began))
            found[name] += min(PEOPLE, counts[name])
            beyond[name] += counts[name] > PEOPLE
        incomplete += counts["glance and windows"] < counts["whole frame at 640"]
    for name in looks:
        rest = f"{found[name]} of {PEOPLE * photos} found, {beyond[name]} photos with a face too many"
        print(f"group of {PEOPLE}, {height} px  {name}  {rest}, {spread(milliseconds[name], 'ms')}")
    print(f"group of {PEOPLE}, {height} px  {incomplete} of {photos} photos lack somebody whom the other look finds")


def group(selfies: np.ndarray, detector: Detector, height: int, rng: np.random.Generator) -> np.ndarray:
    """A photo of people side by side, (H, W, 3) uint8."""
    noise = rng.integers(60, 190, (40, 40, 3)).astype(np.uint8)
    photo = cv2.resize(noise, GROUP, interpolation=cv2.INTER_CUBIC)
    cell = GROUP[0] // 3
    for place in range(PEOPLE):
        one: tuple[Face, ...] = ()
        while len(one) != 1:
            selfie = selfies[rng.integers(len(selfies))]
            one = detector.detect(selfie)
        side = min(cell, round(height / one[0].height * selfie.shape[0]))
        x, y = cell * (place % 3), GROUP[1] // 2 * (place // 3)
        photo[y : y + side, x : x + side] = cv2.resize(selfie, (side, side), interpolation=cv2.INTER_AREA)
    return photo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder or zip files with trainA, 256 x 256")
    parser.add_argument("--photos", type=int, default=150)
    arguments = parser.parse_args()
    print(describe("opencv-python-headless"))
    selfies = load_split(arguments.data, "trainA", 256).pictures
    for height in (60, 40, 25):
        measure(selfies, height, arguments.photos)
    for height in (110, 70):
        measure_groups(selfies, height, arguments.photos // 3)


if __name__ == "__main__":
    main()
