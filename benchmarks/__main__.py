"""`python -m benchmarks` (`make bench`) runs all that need no data set, `python -m benchmarks NAME…` those named."""

import subprocess
import sys
from pathlib import Path

SUPPORT = {
    "__init__",
    "__main__",
    "contender",
    "crowd",
    "detection",  # measures on a data set that does not come along: `python -m benchmarks.detection --data DIR`
    "machine",
    "photos",
    "service",
    "stand_in",
    "training_torch",
    "weights",
}


def names() -> list[str]:
    """Every benchmark that needs nothing but this repository."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in SUPPORT)


def main() -> int:
    """Each in a process of its own, so that none leaves anything behind for the next. 1 when one of them failed."""
    wanted = sys.argv[1:] or names()
    if unknown := sorted(set(wanted) - set(names())):
        print(f"There is no benchmark {', '.join(unknown)}: there are {', '.join(names())}.", file=sys.stderr)
        return 2
    failed = []
    for name in wanted:
        print(f"\n== python -m benchmarks.{name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
