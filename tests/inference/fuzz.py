"""Damaged photos without end: `python -m tests.inference.fuzz [--seconds 60] [--seed N] [--case N]`, or `make fuzz`.

Valid photos of every format are changed at random and go through the real decoding in its killable process. Whatever
comes of one is a picture within the limits or one of our errors, in time, and its process lives on. A case is made from
seed and number alone, so one line of output is enough to see it again.
"""

import argparse
import asyncio
import random
import struct
import sys
import time
import zlib
from collections import Counter
from dataclasses import dataclass

import numpy as np

from config import Settings, load_settings
from inference.errors import InferenceError, PrepareTimeout
from inference.options import Options
from inference.prepare import Preparer
from inference.prepare_process import Prepared
from tests.inference.corpus import valid

SIZE = 32
INTERESTING = (b"\0", b"\xff", b"\x7f\xff", b"\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80")
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged photo: which valid one it was made of, and its bytes."""

    name: str
    data: bytes


def case(seed: int, number: int, photos: dict[str, bytes]) -> Case:
    """Case `number` of `seed`, the same every time."""
    chance = random.Random(f"{seed}:{number}")
    name = chance.choice(sorted(photos))
    data = bytearray(photos[name])
    for _ in range(chance.choice((1, 1, 2, 4, 8, 16))):
        _change(data, chance, photos)
    if name.startswith("PNG") and chance.random() < 0.7:
        data = _valid_sums(data)  # or nearly every change would end at the checksum
    return Case(name, bytes(data))


def _change(data: bytearray, chance: random.Random, photos: dict[str, bytes]) -> None:
    # Half of all changes fall into the first bytes, where the headers are.
    place = chance.randrange(max(1, min(len(data), 400) if chance.random() < 0.5 else len(data)))
    match chance.randrange(7):
        case 0:
            data[place : place + 1] = chance.randbytes(1)
        case 1:
            if data:
                data[place] ^= 1 << chance.randrange(8)
        case 2:
            value = chance.choice(INTERESTING)
            data[place : place + len(value)] = value
        case 3:
            del data[place : place + chance.choice((1, 2, 16, 256))]
        case 4:
            data[place:place] = data[place : place + chance.choice((1, 4, 64, 1024))]
        case 5:
            other = photos[chance.choice(sorted(photos))]
            start = chance.randrange(len(other))
            data[place:place] = other[start : start + chance.choice((4, 32, 512))]
        case _:
            if chance.random() < 0.2:
                del data[place:]


def _valid_sums(data: bytearray) -> bytearray:
    """The PNG with the checksum of every chunk put right, as far as its lengths make sense."""
    place = 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return data


def limits() -> Settings:
    """Small ones, so that going beyond them shows. The time is that of a busy machine."""
    return load_settings(
        limits_photo_pixels=1_000_000, limits_photo_side=4_000, limits_decode_seconds=10.0, limits_decode_bytes=1 << 28
    )


def check(prepared: Prepared) -> None:
    """Raises AssertionError for what may not come out of a prepare process."""
    for crops in (prepared.inputs, prepared.originals):
        assert crops.dtype == np.uint8, crops.dtype
        assert crops.shape == (len(prepared.inputs), SIZE, SIZE, 3), crops.shape


async def fuzz(
    seed: int, *, seconds: float = float("inf"), first: int = 0, cases: float = float("inf")
) -> Counter[str]:
    """How many cases ended how, by error code; "picture" for those that were taken all the same.

    Raises:
        ExceptionGroup: with an AssertionError that names the case which broke a promise.
    """
    photos, outcomes, end = valid(), Counter[str](), time.monotonic() + seconds
    numbers = iter(range(first, sys.maxsize))

    async def feed(preparer: Preparer) -> None:
        while time.monotonic() < end and (number := next(numbers)) < first + cases:
            damaged = case(seed, number, photos)
            try:
                check(await preparer.prepare(damaged.data, Options(whole=number % 2 == 0)))
                outcomes["picture"] += 1
            except InferenceError as error:
                # Too much memory is a fair answer, and the process goes on; one that is killed or crashes is a find.
                if isinstance(error, PrepareTimeout) and "memory" not in str(error):
                    raise AssertionError(f"--seed {seed} --case {number} ({damaged.name}): {error}") from error
                outcomes[error.code] += 1
            except Exception as error:
                raise AssertionError(f"--seed {seed} --case {number} ({damaged.name}): {error!r}") from error

    async with Preparer(limits(), size=SIZE, shown=SIZE) as preparer, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(feed(preparer))
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--case", type=int, help="this one alone")
    arguments = parser.parse_args()
    print(f"--seed {arguments.seed}", flush=True)
    if arguments.case is None:
        outcomes = asyncio.run(fuzz(arguments.seed, seconds=arguments.seconds))
    else:
        outcomes = asyncio.run(fuzz(arguments.seed, first=arguments.case, cases=1))
    print(f"{outcomes.total()} damaged photos:", ", ".join(f"{n} {code}" for code, n in outcomes.most_common()))


if __name__ == "__main__":
    main()
