"""What everything around the network costs: `python -m benchmarks.pipeline [ROUNDS]`.

Turn by turn, on one warm engine: batches of crops given to the engine alone, then photos given to the whole pipeline
(decode, detect, crop, batch, run, encode), as many at once as fill its batches. Then one 12-megapixel phone JPEG from
bytes to crop, in one prepare process on one core.
"""

import asyncio
import io
import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.machine import describe, spread
from config import load_settings
from inference import Options, Pipeline
from inference.prepare import Preparer

PHOTO = Path(__file__).parents[1] / "docs" / "astronaut.png"
PHOTOS = 64  # a round


async def measure(rounds: int) -> None:
    """Print pictures/s of the bare engine and of the pipeline, and their ratio round by round."""
    settings = load_settings()
    photo = _jpeg(1280, 1280)
    async with Pipeline(settings) as pipeline:
        await pipeline.wait_ready()
        [engine] = pipeline.engines
        crops = np.random.default_rng(0).integers(
            0, 256, (settings.model_batch, engine.spec.size, engine.spec.size, 3), np.uint8
        )
        bare, whole = [], []
        for _ in range(rounds + 1):
            began = time.perf_counter()
            for _ in range(PHOTOS // settings.model_batch):
                await engine.run(crops)
            bare.append(PHOTOS / (time.perf_counter() - began))
            began = time.perf_counter()
            await _in_flight(pipeline, photo, 3 * settings.model_batch)
            whole.append(PHOTOS / (time.perf_counter() - began))
    bare, whole = bare[1:], whole[1:]  # the first round warms caches
    print(f"bare generator     {spread(bare, 'pictures/s')}, batches of {settings.model_batch}")
    print(f"whole pipeline     {spread(whole, 'pictures/s')}, JPEG of 1280 x 1280 with one face")
    print(f"pipeline / bare    {spread([w / b for w, b in zip(whole, bare, strict=True)], '')}   goal 0.95")


async def _in_flight(pipeline: Pipeline, photo: bytes, at_once: int) -> None:
    slots = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with slots:
            await pipeline.translate(photo, Options())

    async with asyncio.TaskGroup() as group:
        for _ in range(PHOTOS):
            group.create_task(one())


async def measure_prepare(rounds: int) -> None:
    """Print milliseconds from a phone's JPEG to its crop."""
    photo = _jpeg(4032, 3024)
    async with Preparer(load_settings(), size=256, shown=256) as preparer:
        times = []
        for _ in range(5 * rounds + 1):
            began = time.perf_counter()
            await preparer.prepare(photo, Options())
            times.append(1000 * (time.perf_counter() - began))
    print(f"12-megapixel JPEG  {spread(times[1:], 'ms')} to its crop   goal 60 ms on one core")


def _jpeg(width: int, height: int) -> bytes:
    """The sample photo in the middle of a noisy wall, as large as wanted."""
    noise = np.random.default_rng(1).integers(90, 150, (height // 16, width // 16, 3), np.uint8)
    canvas = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    side = round(0.7 * min(width, height))
    with Image.open(PHOTO) as face:
        canvas.paste(face.convert("RGB").resize((side, side)), ((width - side) // 2, (height - side) // 2))
    out = io.BytesIO()
    canvas.save(out, "JPEG", quality=90)
    return out.getvalue()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print(describe("tensorflow-cpu", "keras", "opencv-python-headless", "pillow"))
    asyncio.run(measure(rounds))
    asyncio.run(measure_prepare(rounds))


if __name__ == "__main__":
    main()
