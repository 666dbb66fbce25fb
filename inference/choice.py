"""Which backend and precision run the network on this machine: measured once, then remembered beside the database."""

import hashlib
import json
import logging
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from config import Settings
from config.versions import installed_version
from inference.engine import BatchFailed, Engine, EngineDied
from inference.engine_process import Spec
from inference.errors import EngineFailed
from inference.networks import Backend, missing
from inference.networks.precision import on_processor

log = logging.getLogger(__name__)

NAME = "engine.json"
GRAPHS = "graphs"
EXACT = 40.0  # dB of PSNR from float32 on TensorFlow; below it the eye begins to see a difference
PATCHES = 8  # along a side of what is painted to see how exact a network is
ROUNDS = 3  # batches that are timed; the quickest counts, for others only say what else the machine did
PACKAGES = ("tensorflow", "tensorflow-cpu", "jax", "torch", "openvino", "keras")


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to run the network. `precision`: as MODEL_PRECISION."""

    backend: Backend
    precision: str


@dataclass(frozen=True, slots=True)
class Measured:
    """How one way did.

    Args:
        pace: pictures/s in the largest batch; None: it could not run.
        psnr: dB from float32 on TensorFlow, infinite where not a bit differs; None: it could not run.
        why: what kept it from running.
    """

    choice: Choice
    pace: float | None
    psnr: float | None
    why: str = ""

    @property
    def good(self) -> bool:
        """Whether it may be chosen."""
        return self.psnr is not None and self.psnr >= EXACT


def candidates(settings: Settings) -> tuple[Choice, ...]:
    """All that the settings leave open and the installed packages allow; the first needs no measurement to be right.

    Raises:
        EngineFailed: the backend that MODEL_BACKEND names is not installed.
    """
    if settings.model_backend == "auto":
        backends = [backend for backend in Backend if backend.installed]
    else:
        backends = [Backend(settings.model_backend)]
        if not backends[0].installed:
            raise EngineFailed(missing(backends[0]))
    precisions = [settings.model_precision]
    if settings.model_precision == "auto" and on_processor("auto") != "float32":
        precisions.append("float32")
    return tuple(Choice(backend, precision) for backend in backends for precision in precisions)


def choose(settings: Settings, weights: Path) -> Choice:
    """What was measured to be the best on this machine, or else the first of the candidates.

    Raises:
        EngineFailed: see `candidates`.
    """
    possible = candidates(settings)
    found = remembered(settings, weights)
    return found if found in possible else possible[0]


def remembered(settings: Settings, weights: Path) -> Choice | None:
    """The choice of an earlier measurement of the same weights, packages, machine and settings."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(_path(settings).read_text())
        if note["of"] == _conditions(settings, weights):
            return Choice(Backend(note["backend"]), str(note["precision"]))
    return None


def remember(settings: Settings, weights: Path, measured: Sequence[Measured]) -> Choice | None:
    """Write down the quickest of the good ones; None, and nothing, where there is none.

    Raises:
        OSError: the file cannot be written.
    """
    good = [m for m in measured if m.good and m.pace]
    if not good:
        return None
    best = max(good, key=lambda m: m.pace or 0.0).choice
    note = {
        "backend": best.backend,
        "precision": best.precision,
        "of": _conditions(settings, weights),
        "measured": [asdict(m) for m in measured],
    }
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(note, indent=1, default=str))
    beside.replace(path)
    return best


async def measure(spec: Spec, choices: Sequence[Choice]) -> list[Measured]:
    """Run all of them, one after the other, each in an engine process of its own and in batches that pay there.

    Args:
        spec: the rest of what an engine needs.
    """
    batch = _blurred(spec.buckets[-1], spec.size)
    exact = replace(spec, buckets=(1,))
    reference, _ = await _run(exact, Choice(Backend.TENSORFLOW, "float32"), batch, rounds=1)
    measured = []
    for choice in choices:
        try:
            painted, pace = await _run(spec, choice, batch, rounds=ROUNDS)
        except (EngineFailed, BatchFailed, EngineDied) as error:
            measured.append(Measured(choice, None, None, str(error)))
        else:
            measured.append(Measured(choice, pace, psnr(painted[:1], reference[:1])))
        log.info("measured %s", measured[-1])
    return measured


async def _run(spec: Spec, choice: Choice, batch: np.ndarray, *, rounds: int) -> tuple[np.ndarray, float]:
    """As many pictures of `batch` as pay at once, painted; and pictures/s in the quickest round.

    Raises:
        EngineFailed, BatchFailed, EngineDied: see `Engine.run`.
    """
    async with Engine(replace(spec, loader=choice.backend.loader, precision=choice.precision, reverse=None)) as engine:
        await engine.warmed()
        done = [await engine.run(batch[: engine.limit]) for _ in range(rounds)]
    best = min(done, key=lambda each: each.seconds)
    return best.batch, len(best.batch) / best.seconds


def _blurred(count: int, side: int) -> np.ndarray:
    """(count, side, side, 3) uint8: soft patches of colour. Noise is nothing that a network for photos is exact at."""
    patches = np.random.default_rng(0).integers(0, 256, (count, PATCHES, PATCHES, 3), np.uint8)
    images = (Image.fromarray(each).resize((side, side), Image.Resampling.BICUBIC) for each in patches)
    return np.stack([np.asarray(image) for image in images])


def psnr(pictures: np.ndarray, reference: np.ndarray) -> float:
    """dB between pictures of bytes; infinite where they are the same."""
    error = float(np.mean((pictures.astype(np.float64) - reference.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))


def graphs(settings: Settings) -> Path:
    """The folder of `Spec.graphs`."""
    return settings.database_path.with_name(GRAPHS)


def _path(settings: Settings) -> Path:
    return settings.database_path.with_name(NAME)


def _conditions(settings: Settings, weights: Path) -> dict[str, object]:
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "weights": digest,
        "packages": {name: installed_version(name) for name in PACKAGES},
        "processor": _processor(),
        "devices": list(settings.model_devices),
        "batch": settings.model_batch,
        "asked": [settings.model_backend, settings.model_precision],
    }


def _processor() -> str:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()
