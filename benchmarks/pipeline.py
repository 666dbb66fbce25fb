"""What everything around the network costs: `python -m benchmarks.pipeline [--weights FILE | --random 64x256]`.

Turn by turn, on one warm engine: full batches given to the engine alone, then photos given to the whole pipeline
(decode, detect, crop, batch, run, encode), as many at once as the service has. The pipeline's pace is taken
between the ends of batches, once all is under way. Then a 12-megapixel phone JPEG from bytes to crop, on one core.

Seconds depend on what else the machine does; processor time does so much less, and is printed beside them.
"""

import argparse
import asyncio
import io
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from benchmarks.machine import describe, spread
from benchmarks.photos import as_sent, selfie
from benchmarks.weights import random_weights
from config import Settings, load_settings
from inference import Options, Pipeline, prepare_process
from inference.measures import Batch, Stage
from inference.prepare_process import Job

LEAST_BATCHES = 3  # in a turn
LEAST_SECONDS = 5.0  # of a turn, unless three batches take longer
SIZE = 256


@dataclass(slots=True)
class Diary:
    """When which batch ended. See `inference.measures.Measures`."""

    ends: list[tuple[float, Batch]] = field(default_factory=list)

    def batch(self, batch: Batch) -> None:
        self.ends.append((time.perf_counter(), batch))

    def stage(self, stage: Stage, seconds: float) -> None:
        """Not asked for here."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Pictures/s at saturation, and processor seconds a picture, of the engine's process and of all others."""

    pace: float
    engine: float
    others: float


async def measure(settings: Settings, rounds: int) -> None:
    """Print pictures/s of the bare engine and of the pipeline, and their ratio round by round."""
    photo, diary = as_sent(0.3), Diary()
    async with Pipeline(settings, measures=diary) as pipeline:
        await pipeline.wait_ready()
        [engine] = pipeline.engines
        full = engine.limit  # the service paints twice as many at once
        crops = np.random.default_rng(0).integers(0, 256, (full, engine.spec.size, engine.spec.size, 3), np.uint8)
        await engine.run(crops)
        batches = max(LEAST_BATCHES, round(LEAST_SECONDS / (await engine.run(crops)).seconds))
        bare, whole = [], []
        for _ in range(rounds + 1):
            bare.append(await _bare(pipeline, crops, batches))
            whole.append(await _whole(pipeline, photo, diary, batches * full, 2 * full))
    del bare[0], whole[0]  # the first round warms caches
    print(f"bare generator     {spread([turn.pace for turn in bare], 'pictures/s')}, batches of {full}")
    print(f"whole pipeline     {spread([turn.pace for turn in whole], 'pictures/s')}, 960 x 1280 at arm's length")
    print(f"pipeline / bare    {spread([w.pace / b.pace for w, b in zip(whole, bare, strict=True)], '')}   goal 0.95")
    print(f"processor time     {spread([1000 * turn.engine for turn in whole], 'ms')} a picture in the engine")
    print(f"                   {spread([1000 * turn.others for turn in whole], 'ms')} a picture around it")


async def _bare(pipeline: Pipeline, crops: np.ndarray, batches: int) -> Turn:
    [engine] = pipeline.engines
    began, busy = time.perf_counter(), _busy(pipeline)
    for _ in range(batches):
        await engine.run(crops)
    pictures = batches * len(crops)
    pace = pictures / (time.perf_counter() - began)
    return Turn(pace, *(float(spent) / pictures for spent in _busy(pipeline) - busy))


async def _whole(pipeline: Pipeline, photo: bytes, diary: Diary, pictures: int, at_once: int) -> Turn:
    """Photos until, after the first `at_once`, batches of `pictures` in all have ended."""
    diary.ends.clear()
    busy, done = _busy(pipeline), 0

    async def visitor() -> None:
        nonlocal done
        while sum(batch.count for _, batch in diary.ends) < at_once + pictures:
            await pipeline.translate(photo, Options())
            done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(visitor())
    spent = _busy(pipeline) - busy
    totals = np.cumsum([batch.count for _, batch in diary.ends])
    first, last = (int(np.argmax(totals >= total)) for total in (at_once, at_once + pictures))
    pace = (totals[last] - totals[first]) / (diary.ends[last][0] - diary.ends[first][0])
    return Turn(float(pace), *(float(seconds) / done for seconds in spent))


def _busy(pipeline: Pipeline) -> np.ndarray:
    """(engine, all else) in processor seconds until now."""
    [engine] = pipeline.engines
    own = psutil.Process()
    seconds = [0.0, 0.0]
    for process in (own, *own.children(recursive=True)):
        times = process.cpu_times()
        seconds[process.pid != engine.pid] += times.user + times.system
    return np.array(seconds)


def measure_prepare(settings: Settings, rounds: int) -> None:
    """Print milliseconds of one core from a phone's JPEG to its crop."""
    job = Job(Options(), settings.limits_photo_pixels, settings.limits_photo_side, settings.limits_faces, SIZE, SIZE)
    start = prepare_process.start, (settings.limits_decode_bytes,)
    with ProcessPoolExecutor(1, get_context("spawn"), *start) as pool:
        for what, face in (("at arm's length", 0.3), ("two steps away", 0.12)):
            photo = selfie(face)
            crop, parser = zip(*(pool.submit(_prepare, photo, job).result() for _ in range(5 * rounds)), strict=True)
            print(f"12-megapixel JPEG  {spread(crop, 'ms')} to its crop   goal 60 ms on one core")
            print(
                f"                   {spread(parser, 'ms')} of it in libjpeg; {len(photo) / 1e6:.1f} MB, a face {what}"
            )


def _prepare(photo: bytes, job: Job) -> tuple[float, float]:
    """Milliseconds of processor time: from photo to crop, and of the first decode alone. Runs in its own process."""
    from inference.detect import LONGEST

    began = time.process_time()
    prepare_process.prepare(photo, job)
    prepared = time.process_time()
    with Image.open(io.BytesIO(photo)) as image:
        ratio = LONGEST / max(image.size)
        image.draft(None, (round(ratio * image.width), round(ratio * image.height)))
        image.load()
    return 1000 * (prepared - began), 1000 * (time.process_time() - prepared)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--weights", help="in place of those that MODEL_WEIGHTS names")
    which.add_argument("--random", metavar="CHANNELSxSIZE", help="a network of that shape, with random weights")
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(describe("tensorflow-cpu", "keras", "opencv-python-headless", "pillow"))
    with tempfile.TemporaryDirectory() if arguments.random else nullcontext("") as folder:
        weights = arguments.weights
        if arguments.random:
            weights = str(random_weights(arguments.random, Path(folder)))
        settings = load_settings(model_weights=weights) if weights else load_settings()
        print(f"weights            {arguments.random or weights or settings.model_weights}")
        asyncio.run(measure(settings, arguments.rounds))
    measure_prepare(settings, arguments.rounds)


if __name__ == "__main__":
    main()
