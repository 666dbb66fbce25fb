"""Networks that stand in for U-GAT-IT inside engine processes: quick, and faulty where a test wants that.

They talk to a test through the folder that `Spec.weights` names.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np

from inference.engine_process import Spec
from ugatit import WeightsError

POISON = 66  # value of a crop that the network refuses
DEADLY = 13  # value of a crop that ends the process
DIED = Path("died")  # in the folder that the processes run in: `Mortal` has ended one
GO = Path("go")  # likewise: `no_such_device_in_the_end` may go on


def wait_for_file(path: Path, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} has not appeared"
        time.sleep(0.005)


class Invert:
    """Turns every value v into 255 - v."""

    device = "cpu"
    devices = 1

    def __init__(self, spec: Spec) -> None:
        self.folder = Path(spec.weights)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return 255 - batch


class Poisoned(Invert):
    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if (batch == POISON).all(axis=(1, 2, 3)).any():
            raise ArithmeticError("poison")
        return super().__call__(batch)


class Deadly(Invert):
    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if (batch == DEADLY).all(axis=(1, 2, 3)).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


class Hungry(Invert):
    """Has memory for two pictures, which it notices when there is something in them."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        with (self.folder / "batches").open("a") as log:
            log.write(f"{len(batch)} {int(batch.max())}\n")
        if len(batch) > 2 and batch.any():
            raise MemoryError("no room")
        return super().__call__(batch)


class Cramped(Invert):
    """Has memory for two pictures, whatever is in them."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if len(batch) > 2:
            raise MemoryError("no room")
        return super().__call__(batch)


class Tiring(Invert):
    """Takes 10 ms a picture, but 20 in batches of more than two, as if they overflowed a cache."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        time.sleep((0.01 if len(batch) <= 2 else 0.02) * len(batch))
        return super().__call__(batch)


class Held(Invert):
    """Says `begun` when there is something in the batch, and goes on when the test says `go`."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if batch.any():
            (self.folder / "begun").touch()
            wait_for_file(self.folder / "go")
        return super().__call__(batch)


class Slow(Invert):
    """Takes its time over every batch that has something in it."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if batch.any():
            time.sleep(0.2)
        return super().__call__(batch)


class Same(Invert):
    """Leaves every picture as it is."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return batch


def either(spec: Spec) -> Invert:
    """Another network for the other direction, which notes that it was asked for."""
    if not spec.direction:
        return Invert(spec)
    spec.weights.write_text(spec.direction)
    return Same(spec)


def slow_to_load(spec: Spec) -> Invert:
    """The other direction takes a second to load."""
    if not spec.direction:
        return Invert(spec)
    time.sleep(1.0)
    return Same(spec)


def breaks_in_reverse(spec: Spec) -> Invert:
    if spec.direction:
        with spec.weights.open("a") as tries:
            tries.write("x")
        raise WeightsError("cut short")
    return Invert(spec)


def misshapen(spec: Spec) -> Invert:
    raise WeightsError(f"{spec.weights}: tensor generator_B/conv/kernel has shape (1,), not (7, 7, 3, 64)")


def no_such_device(spec: Spec) -> Invert:
    raise ValueError(f"MODEL_DEVICES names {spec.device}, but TensorFlow sees 0 GPUs on this machine")


def no_such_device_in_the_end(spec: Spec) -> Invert:
    """As drivers are, it is slow to find out."""
    wait_for_file(GO)
    return no_such_device(spec)


def ends_at_start(spec: Spec) -> Invert:
    os._exit(3)


class Mortal(Invert):
    """Ends its process over the first batch that has something in it."""

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        if batch.any():
            DIED.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


def lost(spec: Spec) -> Mortal:
    """The card is gone after its first picture, and with it whatever could have run a second process."""
    if DIED.exists():
        raise ValueError("no card any more")
    return Mortal(spec)


class OneOfTwo(Invert):
    """The first of two GPUs."""

    device = "gpu:0"
    devices = 2
