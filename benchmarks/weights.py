"""Weights of any shape, when only the pace matters."""

import subprocess
import sys
from pathlib import Path

RANDOM = """
import sys
import ugatit
channels, size = (int(number) for number in sys.argv[1].split("x"))
model = ugatit.build_generator(ugatit.GeneratorConfig(base_channels=channels, image_size=size))
ugatit.save_generator(model, sys.argv[2], provenance={"data": "none: random weights"})
"""


def random_weights(shape: str, folder: Path) -> Path:
    """A file of random weights for `CHANNELSxSIZE`, made by a process of its own, so that this one stays small."""
    path = folder / "random.safetensors"
    subprocess.run([sys.executable, "-c", RANDOM, shape, str(path)], check=True)
    return path
