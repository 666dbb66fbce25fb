"""From a photo's bytes to anime pictures: prepare, batch, run, encode."""

import asyncio
import time
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

import ugatit
from config import Settings
from inference import encode
from inference.batcher import Batcher, buckets
from inference.engine import Engine
from inference.engine_process import Loaded, Spec
from inference.errors import NoReverse
from inference.estimate import Estimate
from inference.measures import Batch, Measures, Stage, Unmeasured
from inference.options import Direction, Options
from inference.prepare import Preparer

NETWORK = "inference.network:load"
BUNDLED = "bundled:"


@dataclass(frozen=True, slots=True)
class Portrait:
    """One painted face.

    Args:
        png: the anime picture.
        original: the same crop of the photo as a JPEG of the same size.
        size: side of both, pixels.
    """

    png: bytes
    original: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Translation:
    """The portraits of one photo, left to right; `found` counts the faces in it, which may be more."""

    portraits: tuple[Portrait, ...]
    found: int


class Pipeline:
    """Owns the prepare processes, the batcher and the engines, from `async with` to its end.

    Args:
        network: `module:function` that makes the network inside an engine process, see `engine_process.Spec`.
        measures: is told how long things take.

    Attributes:
        ready: set when every engine has warmed every bucket. Photos are taken before, and painted as soon as they can.
        reverse: the weights of the other direction, if there are any.
    """

    def __init__(self, settings: Settings, *, network: str = NETWORK, measures: Measures | None = None) -> None:
        self.ready = asyncio.Event()
        self.engines: list[Engine] = []
        self._settings = settings
        self.reverse: Path | None = None
        self._network = network
        self._measures = measures or Unmeasured()
        self._estimate = Estimate(buckets(settings.model_batch)[-1])
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start everything, and wait for nothing of it.

        Raises:
            ugatit.WeightsError: there are no such weights, or their header is damaged.
        """
        weights = _weights(self._settings.model_weights)
        size = ugatit.read_config(weights).image_size
        self.reverse = _reverse_weights(self._settings, weights, size)
        self._shown = max(size, encode.SHOWN)
        async with AsyncExitStack() as stack:
            for device in self._settings.model_devices:
                spec = Spec(
                    self._network,
                    weights,
                    size,
                    device,
                    self._settings.model_precision,
                    buckets(self._settings.model_batch),
                    reverse=self.reverse,
                )
                on_loaded = self._found_devices if device == "auto" else None
                self.engines.append(await stack.enter_async_context(Engine(spec, on_loaded=on_loaded)))
            self._preparer = await stack.enter_async_context(Preparer(self._settings, size=size, shown=self._shown))
            self._batcher = await stack.enter_async_context(Batcher(self.engines, ran=self._ran))
            self._stack = stack.pop_all()
        self._spawn(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    async def translate(self, photo: bytes, options: Options) -> Translation:
        """Paint the faces in `photo`, or the part of it that `options` ask for.

        Raises:
            InferenceError: its code says what the person may be told.
        """
        reverse = options.direction is Direction.REVERSE
        if reverse and self.reverse is None:
            raise NoReverse("MODEL_WEIGHTS_REVERSE names no weights, and none lie beside those of MODEL_WEIGHTS")
        began = time.perf_counter()
        prepared = await self._preparer.prepare(photo, options)
        began = self._took(Stage.PREPARE, began)
        self._estimate.photo(len(prepared.inputs))
        painted = await _all(self._batcher.run(crop, reverse=reverse) for crop in prepared.inputs)
        began = self._took(Stage.PAINT, began)
        portraits = await asyncio.to_thread(self._encode, painted, prepared.originals)
        self._took(Stage.ENCODE, began)
        return Translation(portraits, prepared.found)

    async def wait_ready(self) -> None:
        """Wait for `ready`.

        Raises:
            ugatit.WeightsError: the weights do not fit the network.
            EngineFailed: a device cannot be used.
        """
        for engine in self.engines:
            await engine.warm.wait()
            if engine.failure is not None:
                raise engine.failure
        await self.ready.wait()

    def seconds_per_picture(self) -> float | None:
        """Foretold for full batches, over all engines; None before the first batch."""
        return self._estimate.seconds_per_picture(self._usable())

    def seconds_for(self, photos: int) -> float | None:
        """Until the last of that many photos should be painted; None before the first batch."""
        return self._estimate.seconds_for(photos, self._usable())

    def _usable(self) -> int:
        return max(1, sum(engine.failure is None for engine in self.engines))

    def _ran(self, batch: Batch) -> None:
        self._estimate.times.add(batch.bucket, batch.seconds)
        self._measures.batch(batch)

    def _took(self, stage: Stage, began: float) -> float:
        """Tell what a stage took since `began`; returns when the next one begins."""
        now = time.perf_counter()
        self._measures.stage(stage, now - began)
        return now

    def _found_devices(self, loaded: Loaded) -> None:
        """`auto` means every GPU: the first engine has seen how many there are, the others join it."""
        for number in range(1, loaded.devices if loaded.device.startswith("gpu:") else 1):
            self._spawn(self._join(f"gpu:{number}"))

    async def _join(self, device: str) -> None:
        engine = await self._stack.enter_async_context(Engine(replace(self.engines[0].spec, device=device)))
        self.engines.append(engine)
        self._batcher.add(engine)

    async def _watch(self) -> None:
        for engine in self.engines:  # engines that join meanwhile are appended, and so waited for
            await engine.warm.wait()
        if any(engine.failure is None for engine in self.engines):
            self.ready.set()

    def _encode(self, painted: list[np.ndarray], originals: np.ndarray) -> tuple[Portrait, ...]:
        return tuple(
            Portrait(encode.png(picture, self._shown), encode.jpeg(original, self._shown), self._shown)
            for picture, original in zip(painted, originals, strict=True)
        )

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _weights(setting: str) -> Path:
    if setting.startswith(BUNDLED):
        return ugatit.bundled_weights(setting.removeprefix(BUNDLED))
    return Path(setting)


def _reverse_weights(settings: Settings, weights: Path, size: int) -> Path | None:
    """The file for anime → selfie: the one that is set, the same one, or the one beside it. None: there is none.

    Raises:
        ugatit.WeightsError: the one that is set is missing, damaged, or for pictures of another size.
    """
    if settings.model_weights_reverse:
        reverse = _weights(settings.model_weights_reverse)
        theirs = ugatit.read_config(reverse).image_size
        if theirs != size:
            raise ugatit.WeightsError(f"{reverse}: is for pictures of {theirs} px, MODEL_WEIGHTS for {size} px.")
        return reverse
    if len(ugatit.read_header(weights).directions) > 1:
        return weights
    beside = weights.with_name(f"{weights.stem}-{ugatit.Direction.ANIME2SELFIE}{weights.suffix}")
    return beside if beside.is_file() and ugatit.read_config(beside).image_size == size else None


async def _all(runs: Iterable[Coroutine[None, None, np.ndarray]]) -> list[np.ndarray]:
    """All results in order. The first failure, or being cancelled, takes the others out of the queue."""
    tasks = [asyncio.ensure_future(run) for run in runs]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
