"""The smallest run that has every part: one block, two scales, synthetic pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ugatit.augment import Batches
from ugatit.recipe import Recipe, merge
from ugatit.trainer import Trainer

SIZE = 8
BASE: dict[str, Any] = {
    "generator": {"base_channels": 2, "downsamplings": 1, "blocks": 1, "image_size": SIZE},
    "discriminator": {"strided": [1, 1], "cap": 4},
    "batch": 2,
    "pool": 3,
    "steps": 20,
    "precision": "float32",
    "seed": 5,
}


def tiny_recipe(**changes: Any) -> Recipe:
    return Recipe.from_dict(merge(BASE, changes))


def synthetic(count: int, seed: int, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), "uint8")


def tiny_batches(recipe: Recipe) -> Batches:
    noise = recipe.losses.gan == "dragan"
    return Batches(synthetic(5, 1), synthetic(7, 2), recipe.batch, recipe.seed, recipe.augment, noise)


def write_data(root: Path, size: int = SIZE) -> Path:
    return write_pictures(root, size, {"trainA": 4, "trainB": 3, "testA": 2, "testB": 1})


def write_pictures(root: Path, size: int, counts: Mapping[str, int]) -> Path:
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for i, picture in enumerate(synthetic(count, len(name) + count, size)):
            Image.fromarray(picture).save(root / name / f"{i}.png")
    return root


def advance(trainer: Trainer, steps: int) -> list[dict[str, float]]:
    """Trains on the tiny batches from where the trainer is; what every step reported."""
    batches, reports = tiny_batches(trainer.recipe), []
    for _ in range(steps):
        report = trainer.train(batches.at(trainer.pairs), trainer.step / trainer.recipe.steps)
        reports.append({name: float(value) for name, value in report.items()})
    return reports


def values(trainer: Trainer) -> dict[str, np.ndarray]:
    trainer.publish()
    return {name: variable.numpy().copy() for name, variable in trainer.networks.state.items()}
