"""A full checkpoint of the release holds two generators and Adam's two moments of each; only one is read."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.ugatit.checkpoints import random_weights, tensorflow_variables, write_tensorflow
from tests.ugatit.networks import TINY

PROBE = """
import re, sys
from pathlib import Path
from ugatit.importing import import_checkpoint

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

import_checkpoint(sys.argv[1], sys.argv[3])
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from what is held now
before = peak()
import_checkpoint(sys.argv[2], sys.argv[3])
print(peak() - before)
"""


def test_memory_grows_with_the_generator_alone(tmp_path: Path) -> None:
    large = replace(TINY, base_channels=16, blocks=1, image_size=176, light=False)
    weights = random_weights(large)
    generator = sum(value.nbytes for value in weights.values())
    small = {"generator_B": random_weights(TINY)}
    write_tensorflow(tmp_path / "small", tensorflow_variables(small))
    write_tensorflow(tmp_path / "large", tensorflow_variables({"generator_A": weights, "generator_B": weights}))
    checkpoint = sum(path.stat().st_size for path in tmp_path.glob("large.data*"))
    assert checkpoint > 5.9 * generator
    arguments = [str(tmp_path / "small"), str(tmp_path / "large"), str(tmp_path / "out.safetensors")]
    run = subprocess.run([sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert 0.9 * generator < int(run.stdout) < 3.5 * generator
