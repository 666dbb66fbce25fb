"""Trains tiny networks for some steps on the backend of KERAS_BACKEND: python other_backend.py STEPS FILE.npz"""

import sys

import keras
import numpy as np

from tests.ugatit.training import advance, tiny_recipe, values
from ugatit.backends import current_backend
from ugatit.trainer import Trainer

if __name__ == "__main__":
    trainer = Trainer(tiny_recipe(), current_backend())
    reports = advance(trainer, int(sys.argv[1]))
    losses = {f"loss/{i}/{name}": value for i, report in enumerate(reports) for name, value in report.items()}
    np.savez(sys.argv[2], backend=keras.backend.backend(), **losses, **values(trainer))
