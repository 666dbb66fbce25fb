"""From a photo's bytes to anime pictures: prepare, batch, run, encode."""

import asyncio
import logging
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
from inference import choice, encode
from inference.batcher import Batcher, buckets
from inference.engine import Engine
from inference.engine_process import Loaded, Spec
from inference.errors import NoReverse
from inference.estimate import Estimate
from inference.measures import Batch, Measures, Stage, Unmeasured
from inference.options import Direction, Options
from inference.prepare import Preparer
from ugatit.weights_file import BUNDLED

QUIET = 60.0  # seconds without a photo, after which measuring disturbs nobody

log = logging.getLogger(__name__)


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
        network: `module:function` that makes the network inside an engine process, see `engine_process.Spec`; by
            default one of `inference.networks`, as the settings and an earlier measurement say.
        measures: is told how long things take.

    Attributes:
        ready: set when every engine has warmed every bucket, until none can paint any more. Photos are taken before,
            and painted as soon as they can.
        reverse: the weights of the other direction, if there are any.
        version: another one once the weights are others: then the same photo gives other pictures.
    """

    def __init__(self, settings: Settings, *, network: str | None = None, measures: Measures | None = None) -> None:
        self.ready = asyncio.Event()
        self.engines: list[Engine] = []
        self._settings = settings
        self.reverse: Path | None = None
        self.version = ""
        self._network = network
        self._measures = measures or Unmeasured()
        self._estimate = Estimate(buckets(settings.model_batch)[-1])
        self._stack = AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_photo = 0.0  # by the loop's clock

    async def __aenter__(self) -> Self:
        """Start everything, and wait for nothing of it.

        Raises:
            ugatit.WeightsError: there are no such weights, or their header is damaged.
            EngineFailed: the backend that MODEL_BACKEND names is not installed.
        """
        weights = weights_of(self._settings.model_weights)
        size = ugatit.read_config(weights).image_size
        self.reverse = _reverse_weights(self._settings, weights, size)
        self.version = " ".join(_version(path) for path in (weights, self.reverse) if path is not None)
        self._shown = max(size, encode.SHOWN)
        network, precision = self._network, str(self._settings.model_precision)
        if network is None:
            chosen = await asyncio.to_thread(choice.choose, self._settings, weights)
            network, precision = chosen.backend.loader, chosen.precision
        async with AsyncExitStack() as stack:
            for device in self._settings.model_devices:
                sizes = buckets(self._settings.model_batch)
                graphs = choice.graphs(self._settings)
                spec = Spec(network, weights, size, device, precision, sizes, reverse=self.reverse, graphs=graphs)
                on_loaded = self._found_devices if device == "auto" else None
                self.engines.append(await stack.enter_async_context(Engine(spec, on_loaded=on_loaded)))
            self._preparer = await stack.enter_async_context(Preparer(self._settings, size=size, shown=self._shown))
            self._batcher = await stack.enter_async_context(Batcher(self.engines, ran=self._ran))
            self._stack = stack.pop_all()
        self._spawn(self._watch())
        if self._network is None and len(choice.candidates(self._settings)) > 1:
            self._spawn(self._choose_for_the_next_start())
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
            NoEngine: no engine can paint, which is not the photo's fault.
        """
        reverse = options.direction is Direction.REVERSE
        if reverse and self.reverse is None:
            raise NoReverse("MODEL_WEIGHTS_REVERSE names no weights, and none lie beside those of MODEL_WEIGHTS")
        self._last_photo = asyncio.get_running_loop().time()
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
            EngineFailed: no device can be used.
        """
        for engine in self.engines:
            await engine.warm.wait()
        failures = [engine.failure for engine in self.engines if engine.failure is not None]
        if len(failures) == len(self.engines):  # else the others do without
            raise failures[0]
        await self.ready.wait()

    async def wait_broken(self) -> str:
        """Wait until no engine can paint any more, which may never be; returns why."""
        for engine in self.engines:  # see `_watch`
            await engine.given_up.wait()
        return str(self.engines[0].failure)

    def seconds_per_picture(self) -> float | None:
        """Foretold for full batches, over all engines; None before the first batch."""
        return self._estimate.seconds_per_picture(self.usable)

    def seconds_for(self, photos: int) -> float | None:
        """Until the last of that many photos should be painted; None before the first batch."""
        return self._estimate.seconds_for(photos, self.usable)

    @property
    def usable(self) -> int:
        """Engines that are not given up, at least 1."""
        return max(1, sum(engine.failure is None for engine in self.engines))

    @property
    def largest(self) -> int:
        """Pictures in a full batch: of the engines' buckets the largest that pays; MODEL_BATCH while none is warm."""
        return max((engine.limit for engine in self.engines), default=0) or buckets(self._settings.model_batch)[-1]

    def _ran(self, batch: Batch) -> None:
        self._estimate.largest = self.largest
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

    async def _choose_for_the_next_start(self) -> None:
        """Measure what could run the network, once nobody needs it; see `inference.choice`."""
        spec, loop = self.engines[0].spec, asyncio.get_running_loop()
        if await asyncio.to_thread(choice.remembered, self._settings, spec.weights) is not None:
            return
        await self.ready.wait()
        self._last_photo = max(self._last_photo, loop.time())
        while (left := self._last_photo + QUIET - loop.time()) > 0:  # noqa: ASYNC110 - for photos not to come
            await asyncio.sleep(left)
        measured = await choice.measure(spec, choice.candidates(self._settings))
        try:
            best = await asyncio.to_thread(choice.remember, self._settings, spec.weights, measured)
        except OSError as error:
            log.warning("what was measured is not remembered: %s", error)
        else:
            log.info("measured: %s is the quickest here and runs from the next start on", best)

    async def _watch(self) -> None:
        for engine in self.engines:  # engines that join meanwhile are appended, and so waited for
            await engine.warm.wait()
        if any(engine.failure is None for engine in self.engines):
            self.ready.set()
        await self.wait_broken()
        self.ready.clear()

    def _encode(self, painted: list[np.ndarray], originals: np.ndarray) -> tuple[Portrait, ...]:
        return tuple(
            Portrait(encode.png(picture, self._shown), encode.jpeg(original, self._shown), self._shown)
            for picture, original in zip(painted, originals, strict=True)
        )

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def weights_of(setting: str) -> Path:
    """The file that MODEL_WEIGHTS names.

    Raises:
        ugatit.WeightsError: no weights of that name ship.
    """
    if setting.startswith(BUNDLED):
        return ugatit.bundled_weights(setting.removeprefix(BUNDLED))
    return Path(setting)


def _version(weights: Path) -> str:
    """Told by what the file system knows: reading the whole file would keep the start waiting."""
    found = weights.stat()
    return f"{weights.name} {found.st_size} {found.st_mtime_ns}"


def _reverse_weights(settings: Settings, weights: Path, size: int) -> Path | None:
    """The file for anime → selfie: the one that is set, the same one, or the one beside it. None: there is none.

    Raises:
        ugatit.WeightsError: the one that is set is missing, damaged, or for pictures of another size.
    """
    if settings.model_weights_reverse:
        reverse = weights_of(settings.model_weights_reverse)
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
