"""Training, pairs/s against the PyTorch release's step: `python -m benchmarks.training [--backends tensorflow,jax] …`.

Every contender is a process of its own that trains networks of the same sizes on pictures of noise; they take turns,
one step or more at a time, so that whatever else the machine does meets them all. The first turns, which compile, do
not count. PyTorch (an extra that the project does without) gets its pictures as tensors, ready for use; this project's
trainer gets them through its input pipeline, augmented, and keeps its moving average.
"""

import argparse
import json
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError
from statistics import median

from benchmarks.contender import WARM_UP, Contender, Turn, answers, contend
from benchmarks.machine import describe, spread
from ugatit.recipe import Recipe

REFERENCE = "torch"
PACKAGES = {REFERENCE: "torch", "tensorflow": "tensorflow-cpu", "jax": "jax"}
PICTURES = 8  # of either domain


def contender(name: str, options: argparse.Namespace) -> Contender:
    """A process that trains `options.steps` steps a turn."""
    sizes = {"image_size": options.image_size, "base_channels": options.ch, "downsamplings": options.downs}
    recipe = {"generator": sizes, "batch": options.batch, "precision": options.precision}
    environment = {"KERAS_BACKEND": name if name != REFERENCE else "tensorflow"}
    if options.threads:
        environment |= {"OMP_NUM_THREADS": str(options.threads), "TF_NUM_INTRAOP_THREADS": str(options.threads)}
    arguments = ["--contender", name, "--recipe", json.dumps(recipe), "--steps", str(options.steps)]
    return Contender(name, "benchmarks.training", arguments, environment)


def take_part(name: str, recipe: Recipe, steps: int) -> None:
    """Trains `steps` steps for every line that comes in."""
    out = answers()
    with ExitStack() as stack:
        step, about = (_eager if name == REFERENCE else _ours)(recipe, stack)

        def turn() -> None:
            for _ in range(steps):
                step()

        contend(about, turn, out)


def _eager(recipe: Recipe, _: ExitStack) -> tuple[Callable[[], object], str]:
    import torch

    from benchmarks.training_torch import EagerTrainer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = EagerTrainer(recipe, device)
    shape = (2, recipe.batch, 3, recipe.generator.image_size, recipe.generator.image_size)
    a, b = torch.rand(shape, device=device) * 2 - 1
    return lambda: trainer.train(a, b), f"eager float32, {device}"


def _ours(recipe: Recipe, stack: ExitStack) -> tuple[Callable[[], object], str]:
    from ugatit.backends import prepare_backend

    prepare_backend()

    import numpy as np

    from ugatit.augment import Batches
    from ugatit.backends import current_backend
    from ugatit.trainer import Trainer

    size = recipe.generator.image_size
    a, b = np.random.default_rng(0).integers(0, 256, (2, PICTURES, size, size, 3), "uint8")
    stream = stack.enter_context(Batches(a, b, recipe.batch, recipe.seed).stream(0))
    trainer = Trainer(recipe, current_backend())
    return lambda: [float(value) for value in trainer.train(next(stream), 0.0).values()], trainer.policy


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description="Training, pairs/s.")
    parser.add_argument("--backends", default="tensorflow", help="of this project's trainer, with commas between")
    parser.add_argument("--image-size", type=int, default=256)
    parser.add_argument("--ch", type=int, default=64, help="base channels")
    parser.add_argument("--downs", type=int, default=2, help="stride-2 levels of the generators")
    parser.add_argument("--batch", type=int, default=1, help="pairs a step")
    parser.add_argument("--precision", default="auto", help="of this project's trainer: auto, float32 or bfloat16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1, help="steps a turn")
    parser.add_argument("--threads", type=int, help="of either side; all cores by default")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--recipe", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        take_part(options.contender, Recipe.from_dict(options.recipe), options.steps)
        return
    names = [REFERENCE, *options.backends.split(",")]
    if unknown := sorted(set(names) - set(PACKAGES)):
        parser.error(f"unknown backends: {', '.join(unknown)}")
    try:
        print(describe("keras", *(PACKAGES[name] for name in names)))
    except PackageNotFoundError as error:
        parser.error(f"{error.name} is not installed. PyTorch is what the figure compares with: pip install torch")
    sizes = f"{options.image_size} x {options.image_size}, {options.ch} channels, {options.downs} stride-2 levels"
    print(f"{sizes}, batches of {options.batch}, {options.rounds} rounds of {options.steps} steps")
    with ExitStack() as stack:
        contenders = [stack.enter_context(contender(name, options)) for name in names]
        for one in contenders:  # one compiles at a time
            for _ in range(WARM_UP):
                one.turn()
        rounds = [[one.turn() for one in contenders] for _ in range(options.rounds)]
        abouts = [one.about for one in contenders]
    _report(names, abouts, rounds, options.batch * options.steps)


def _report(names: list[str], abouts: list[str], rounds: list[list[Turn]], pairs: int) -> None:
    for i, (name, about) in enumerate(zip(names, abouts, strict=True)):
        pace = spread([pairs / turns[i].wall for turns in rounds], "pairs/s")
        cpu = min(turns[i].cpu for turns in rounds) / pairs
        line = f"{name:12} {about:22} {pace}, {cpu:.2f} s of processor time a pair"
        if name != REFERENCE:
            faster = median(turns[0].wall / turns[i].wall for turns in rounds)
            lighter = min(turns[0].cpu for turns in rounds) / min(turns[i].cpu for turns in rounds)
            line += f"   {faster:.2f} x the pace, {lighter:.2f} x by processor time; goal 2 on a processor, 3 on a GPU"
        print(line)


if __name__ == "__main__":
    main()
