"""What a figure was measured on, and how its spread is written."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median


def describe(*packages: str) -> str:
    """One line: processor, cores usable, system, Python, and the versions of `packages`."""
    names = [line for line in _cpuinfo().splitlines() if line.startswith("model name")]
    processor = names[0].split(":", 1)[1].strip() if names else platform.processor() or platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{processor}, {cores} cores, {platform.system()}, Python {platform.python_version()}, {versions}"


def spread(values: Sequence[float], unit: str) -> str:
    """`median (min to max of n)` in that unit."""
    return f"{median(values):.2f} {unit} ({min(values):.2f} to {max(values):.2f} of {len(values)})"


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""
