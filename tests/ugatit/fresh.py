"""Trains tiny networks in a process of its own, on the backend of KERAS_BACKEND.

python -m tests.ugatit.fresh STEPS FILE.npz [--resume CHECKPOINT] [--save CHECKPOINT --at STEP]
                             --critic FEATURES --teacher FOLDER

With everything that a recipe can have: the first step is one of learning from a teacher, then discriminators and a
critic join, with penalties and pools.

The archive holds the losses of every step, all variables after the first two and after the last one.
"""

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tests.ugatit.feature_network import begin, critic_of
from tests.ugatit.training import SIZE, advance, tiny_recipe, values
from ugatit.backends import current_backend
from ugatit.checkpoint import Position, load_checkpoint, save_checkpoint
from ugatit.teachers import load_teachers
from ugatit.trainer import Trainer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("steps", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--at", type=int)
    parser.add_argument("--critic", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    options = parser.parse_args()
    changes: dict[str, Any] = {
        "critic": {**critic_of(options.critic), "r1": 0.5},
        "losses": {"r1": 1.0},
        # So small a step that the next one begins at the same place, whichever way noise in a gradient turns Adam's.
        "teacher": {"weights": str(options.teacher), "steps": 1, "learning_rate": 1e-6},
    }
    # The weights of another seed: what the checkpoint does not bring would be missed.
    trainer = Trainer(tiny_recipe(seed=6 if options.resume else 5, **changes), current_backend())
    begin(trainer, options.critic)
    trainer.teachers = load_teachers(str(options.teacher), SIZE, trainer.policy)
    if options.resume:
        saved = load_checkpoint(options.resume, trainer.networks.state)
        trainer.adopt()
        trainer.recipe, trainer.step, trainer.pairs = saved.recipe, saved.position.step, saved.position.pairs
    arrays: dict[str, np.ndarray] = {}
    first = trainer.step
    for step in range(first, first + options.steps):
        (report,) = advance(trainer, 1)
        arrays |= {f"loss/{step}/{name}": np.float64(value) for name, value in report.items()}
        if step < 2:
            arrays |= {f"after/{step}/{name}": value for name, value in values(trainer).items()}
        if trainer.step == options.at:
            trainer.publish()
            position = Position(trainer.step, trainer.pairs)
            save_checkpoint(options.save, trainer.networks.state, trainer.recipe, position)
    arrays |= {f"last/{name}": value for name, value in values(trainer).items()}
    np.savez(options.file, backend=keras.backend.backend(), policy=trainer.policy, **arrays)


if __name__ == "__main__":
    main()
