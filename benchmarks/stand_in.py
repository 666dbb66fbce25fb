"""The service with a network that costs nothing: `python -m benchmarks.stand_in`. What is left is its own cost."""

import numpy as np
import uvloop

from bots.app import serve
from config import load_settings
from inference.engine_process import Spec


class Negative:
    """Paints the negative. See `inference.engine_process.Network`."""

    device = "cpu"
    devices = 1

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return 255 - batch


def load(spec: Spec) -> Negative:
    return Negative()


if __name__ == "__main__":
    uvloop.run(serve(load_settings(), say=lambda line: print(line, flush=True), network="benchmarks.stand_in:load"))
