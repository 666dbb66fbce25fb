"""From command to ready: `python -m benchmarks.start [RUNS]`.

Starts the service as `make run` does once everything is installed, on an empty data folder, and measures until the
front door answers, until the network is warm, and until the first picture of a photo posted at once is there; then
once more on the same folder, where OpenVINO finds its graph. What the environment says of MODEL_… holds for it, too.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.machine import describe, spread

PHOTO = Path(__file__).parents[1] / "docs" / "astronaut.png"


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds since the command was given."""

    front_door: float
    warm: float
    first_picture: float


def measure() -> tuple[Start, Start]:
    """Two starts of the service process (the files themselves may be in the page cache)."""
    with tempfile.TemporaryDirectory() as folder:
        return _start(folder), _start(folder)


def _start(folder: str) -> Start:
    environment = {
        "PATH": os.environ["PATH"],
        "WEB_PORT": "0",
        "DATABASE_PATH": f"{folder}/jobs.db",
        "STORAGE_URL": f"file:{folder}/objects",
        "LOG_LEVEL": "error",
        **{name: value for name, value in os.environ.items() if name.startswith("MODEL_")},
    }
    began = time.perf_counter()
    service = subprocess.Popen(
        [sys.executable, "-m", "bots"], env=environment, stdout=subprocess.PIPE, text=True, cwd=PHOTO.parents[1]
    )
    try:
        assert service.stdout is not None
        address = service.stdout.readline().split()[-1]
        with httpx.Client(base_url=address, timeout=60) as client:
            client.get("/").raise_for_status()
            front_door = time.perf_counter() - began
            answer = client.post("/api/selfies", files={"photo": PHOTO.read_bytes()}).raise_for_status()
            first_picture, warm = 0.0, 0.0
            while not (first_picture and warm):
                if not warm and client.get("/readyz").is_success:
                    warm = time.perf_counter() - began
                if not first_picture:
                    job = client.get(answer.json()["links"]["self"]).raise_for_status().json()
                    if job["state"] in {"failed", "expired"}:
                        raise RuntimeError(f"no picture: {job}")
                    if job["pictures"]:
                        client.get(job["pictures"][0]["url"]).raise_for_status()
                        first_picture = time.perf_counter() - began
                time.sleep(0.02)
    finally:
        service.terminate()
        service.wait(timeout=60)
    return Start(front_door, warm, first_picture)


def main() -> None:
    runs = [measure() for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)]
    print(describe("tensorflow-cpu", "openvino", "keras", "fastapi"))
    for which, starts in zip(("the very first start", "the next one"), zip(*runs, strict=True), strict=True):
        print(which)
        print(f"front door ready  {spread([start.front_door for start in starts], 's')}   goal 2 s")
        print(f"network warm      {spread([start.warm for start in starts], 's')}")
        print(f"first picture     {spread([start.first_picture for start in starts], 's')}   goal 10 s on two cores")


if __name__ == "__main__":
    main()
