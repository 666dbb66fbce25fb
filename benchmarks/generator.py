"""The generator, pictures/s: `python -m benchmarks.generator [--weights FILE | --random 64x256] [--batch 1] …`.

Every way to run the same weights is a process of its own; they take turns, one batch at a time, so that whatever else
the machine does meets them all. Beside each pace stands how far its pictures are from float32 on TensorFlow. What they
are compared with is the PyTorch release's network, run eagerly in float32 (with weights of its own, for speed alone).
What is not installed is named and left out.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

import ugatit
from benchmarks.contender import WARM_UP, Contender, Turn, answers, contend
from benchmarks.machine import describe, spread
from benchmarks.weights import random_weights
from config.versions import installed_version
from inference.choice import psnr
from inference.engine_process import Spec
from inference.networks import Backend

EAGER, ONNX = "torch-eager", "onnxruntime"
PACKAGES = {EAGER: ("torch",), ONNX: ("onnxruntime", "onnx", "tf2onnx")}

Paint = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Way:
    """A backend, or what it is compared with, in a precision."""

    name: str
    precision: str

    def __str__(self) -> str:
        return f"{self.name} {self.precision}"

    def missing(self) -> list[str]:
        """Packages that it needs and that are not installed."""
        if self.name not in PACKAGES:
            return [] if Backend(self.name).installed else [self.name]
        return [package for package in PACKAGES[self.name] if not installed_version(package)]


def take_part(name: str, precision: str, weights: str, batch: int, painted: str) -> None:
    """Paints a batch for every line that comes in; the first goes into the file `painted`, before any is timed."""
    size = ugatit.read_config(weights).image_size
    out = answers()
    paint = _paint(name, precision, Path(weights), size)
    pictures = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
    np.save(painted, paint(pictures))
    contend(name, lambda: paint(pictures), out)


def _paint(name: str, precision: str, weights: Path, size: int) -> Paint:
    if name == EAGER:
        return _eager(weights)
    if name == ONNX:
        return _onnx(weights)
    from importlib import import_module

    network: Paint = import_module(f"inference.networks.{name}").load(Spec("", weights, size, "auto", precision, ()))
    return network


def _eager(weights: Path) -> Paint:
    import torch

    from benchmarks.training_torch import Generator
    from ugatit.recipe import Recipe

    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = Generator(Recipe(generator=ugatit.read_config(weights))).to(device).eval()

    def paint(pictures: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            x = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
            y = generator(x)[0].permute(0, 2, 3, 1)
        return _bytes(y.cpu().numpy())

    return paint


def _onnx(weights: Path) -> Paint:
    import onnxruntime

    from ugatit.exporting import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "generator.onnx"
        onnx.export(ugatit.load_generator(weights), path)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda pictures: _bytes(session.run(None, {name: pictures.astype(np.float32) / 127.5 - 1})[0])


def _bytes(pictures: np.ndarray) -> np.ndarray:
    result: np.ndarray = ((pictures + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generator", description="The generator, pictures/s.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--weights", metavar="FILE", help="a native weights file")
    which.add_argument("--random", metavar="CHANNELSxSIZE", default="64x256", help="a network with random weights")
    parser.add_argument("--backends", default=",".join(Backend), help="of this project, with commas between")
    parser.add_argument("--precisions", default="float32", help="with commas between: float32, bfloat16, float16")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contender", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        take_part(**json.loads(options.contender[0]), painted=options.contender[1])
        return
    if unknown := sorted({*options.backends.split(",")} - {*Backend}):
        parser.error(f"unknown backends: {', '.join(unknown)}; there are {', '.join(Backend)}")
    ours = [Way(name, precision) for name in options.backends.split(",") for precision in options.precisions.split(",")]
    ways = [Way(EAGER, "float32"), Way(ONNX, "float32"), *ours]
    exact = Way(Backend.TENSORFLOW, "float32")
    if exact not in ways:
        ways.append(exact)
    for way in [way for way in ways if way.missing()]:
        print(f"{way}: left out, not installed: {', '.join(way.missing())}")
        ways.remove(way)
    packages = ("tensorflow-cpu", "tensorflow", "keras", "jax", "torch", "openvino", "onnxruntime")
    print(describe(*(package for package in packages if installed_version(package))))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        weights = Path(options.weights) if options.weights else random_weights(options.random, Path(folder))
        print(f"weights {options.weights or options.random}, batches of {options.batch}, {options.rounds} rounds")
        files = [Path(folder) / f"{number}.npy" for number in range(len(ways))]
        contenders = []
        for way, file in zip(ways, files, strict=True):
            chosen = {"name": way.name, "precision": way.precision, "weights": str(weights), "batch": options.batch}
            arguments = ["--contender", json.dumps(chosen), str(file)]
            contenders.append(stack.enter_context(Contender(str(way), "benchmarks.generator", arguments, {})))
        for contender in contenders:  # one compiles at a time
            for _ in range(WARM_UP):
                contender.turn()
        rounds = [[contender.turn() for contender in contenders] for _ in range(options.rounds)]
        painted = [np.load(file) for file in files]
    _report(ways, rounds, painted, options.batch, painted[ways.index(exact)])


def _report(
    ways: list[Way], rounds: list[list[Turn]], painted: list[np.ndarray], batch: int, exact: np.ndarray
) -> None:
    for i, way in enumerate(ways):
        pace = spread([batch / turns[i].wall for turns in rounds], "pictures/s")
        line = f"{way!s:20} {pace}, {min(turns[i].cpu for turns in rounds) / batch:.2f} s of processor time a picture"
        if ways[0].name == EAGER and i:
            line += f", {median(turns[0].wall / turns[i].wall for turns in rounds):.2f} x eager"
        if way.name != EAGER:
            furthest = int(np.abs(painted[i].astype(int) - exact.astype(int)).max())
            line += f"; {psnr(painted[i], exact):.1f} dB from exact, at most {furthest} of 255"
        print(line)


if __name__ == "__main__":
    main()
