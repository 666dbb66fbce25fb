import asyncio
import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

import ugatit
from config import load_settings
from inference import Direction, Options, Pipeline
from inference.errors import NoEngine, NoFace, NoReverse
from tests.inference import SAMPLE, encoded, network

ROOT = SAMPLE.parents[1]
PATIENCE = 30.0

REAL = """
import asyncio, io, sys
from pathlib import Path
from PIL import Image
from config import load_settings
from inference import Options, Pipeline

async def main():
    async with Pipeline(load_settings(model_batch=2)) as pipeline:
        assert "cv2" not in sys.modules  # the front door waits for nothing that is needed later
        translation = await pipeline.translate(Path("docs/astronaut.png").read_bytes(), Options())
        await pipeline.wait_ready()
        assert pipeline.ready.is_set()
        assert pipeline.seconds_per_picture() > 0
    (portrait,) = translation.portraits
    images = [Image.open(io.BytesIO(data)) for data in (portrait.png, portrait.original)]
    print([image.format for image in images], [image.size for image in images], translation.found, portrait.size)
    colours = [len(image.convert("RGB").getcolors(1 << 16) or range(1 << 16)) for image in images]
    assert min(colours) > 1000, colours
    heavy = {"tensorflow", "keras", "openvino", "jax", "torch"} & set(sys.modules)
    assert not heavy, heavy

if __name__ == "__main__":
    asyncio.run(main())
"""


KILLED = """
import asyncio, os, signal
from pathlib import Path
import psutil
from config import load_settings
from inference import Options, Pipeline

async def main():
    async with Pipeline(load_settings(), network="tests.inference.networks:Invert") as pipeline:
        await pipeline.translate(Path("docs/astronaut.png").read_bytes(), Options())
        print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(main())
"""


def run(script: Path, source: str) -> "subprocess.CompletedProcess[str]":
    """A service process of its own, in the repository, with no settings."""
    script.write_text(source)
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, str(script)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_no_process_outlives_a_service_that_was_killed(tmp_path: Path) -> None:
    killed = run(tmp_path / "service.py", KILLED)  # returns when all who hold its output have closed it

    assert killed.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in killed.stdout.split()]
    assert len(pids) >= 3  # an engine and two prepare processes
    end = time.monotonic() + PATIENCE
    while any(alive(pid) for pid in pids) and time.monotonic() < end:  # from its last file closed to its end
        time.sleep(0.01)
    assert [pid for pid in pids if alive(pid)] == []


def test_a_photo_becomes_a_picture_and_the_service_loads_no_framework(tmp_path: Path) -> None:
    done = run(tmp_path / "service.py", REAL)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "['PNG', 'JPEG'] [(256, 256), (256, 256)] 1 256"


async def test_paints_every_face_left_to_right(astronaut: Image.Image) -> None:
    pair = Image.new("RGB", (1024, 512))
    pair.paste(astronaut, (0, 0))
    pair.paste(astronaut.point(lambda value: value * 3 // 4), (512, 0))
    async with asyncio.timeout(PATIENCE), Pipeline(load_settings(), network=network("Invert")) as pipeline:
        translation = await pipeline.translate(encoded(pair, "PNG"), Options())

    assert translation.found == 2
    brightness = []
    for portrait in translation.portraits:
        painted, original = (
            np.asarray(Image.open(io.BytesIO(data))).astype(int) for data in (portrait.png, portrait.original)
        )
        assert painted.shape == original.shape == (256, 256, 3)
        assert np.abs(255 - painted - original).mean() < 12  # the stand-in inverts, at 64 pixels
        brightness.append(original.mean())
    assert brightness[0] > brightness[1]


async def test_starts_at_once_and_refuses_before_the_network_is_there(tmp_path: Path) -> None:
    settings = load_settings(database_path=tmp_path / "jobs.db")
    async with asyncio.timeout(PATIENCE), Pipeline(settings, network=network("Invert")) as pipeline:
        assert not pipeline.ready.is_set()
        assert pipeline.engines[0].spec.graphs == tmp_path / "graphs"
        assert pipeline.seconds_per_picture() is None
        with pytest.raises(NoFace):
            await pipeline.translate(encoded(Image.new("RGB", (300, 300), "teal"), "JPEG"), Options())
        await pipeline.wait_ready()
        assert pipeline.ready.is_set()


async def test_cancelling_one_photo_leaves_the_others_alone(photo: bytes) -> None:
    async with asyncio.timeout(PATIENCE), Pipeline(load_settings(), network=network("Invert")) as pipeline:
        runs = [asyncio.create_task(pipeline.translate(photo, Options())) for _ in range(4)]
        await asyncio.sleep(0)
        runs[1].cancel()
        results = await asyncio.gather(*runs, return_exceptions=True)

    assert [isinstance(result, asyncio.CancelledError) for result in results] == [False, True, False, False]


@pytest.mark.parametrize("weights", ["bundled:nothing", "/nowhere/weights.safetensors", __file__])
async def test_wrong_weights_stop_the_start(weights: str) -> None:
    with pytest.raises(ugatit.WeightsError):
        async with Pipeline(load_settings(model_weights=weights)):
            pass


async def test_weights_that_do_not_fit_are_told_and_fail_photos(photo: bytes) -> None:
    async with asyncio.timeout(PATIENCE), Pipeline(load_settings(), network=network("misshapen")) as pipeline:
        with pytest.raises(ugatit.WeightsError, match="kernel"):
            await pipeline.wait_ready()
        with pytest.raises(NoEngine, match="kernel"):
            await pipeline.translate(photo, Options())
        assert not pipeline.ready.is_set()


async def test_an_engine_that_is_lost_fails_no_photo_of_itself(
    photo: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with asyncio.timeout(PATIENCE), Pipeline(load_settings(), network=network("lost")) as pipeline:
        await pipeline.wait_ready()
        with pytest.raises(NoEngine, match="no card any more"):
            await pipeline.translate(photo, Options())
        assert await pipeline.wait_broken() == "ValueError: no card any more"
        await asyncio.sleep(0)
        assert not pipeline.ready.is_set()


async def test_the_other_direction_is_painted_by_the_other_network(photo: bytes, tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Pipeline(load_settings(), network=network("Invert")) as pipeline:
        assert pipeline.reverse == ugatit.bundled_weights("fast-anime2selfie")
    alone = tmp_path / "mine.safetensors"
    alone.write_bytes(ugatit.bundled_weights("fast").read_bytes())
    settings = load_settings(model_weights=str(alone))
    async with asyncio.timeout(PATIENCE), Pipeline(settings, network=network("Invert")) as pipeline:
        with pytest.raises(NoReverse):
            await pipeline.translate(photo, Options(direction=Direction.REVERSE))
    with pytest.raises(ugatit.WeightsError):
        async with Pipeline(load_settings(model_weights_reverse=str(tmp_path / "none.safetensors"))):
            pass


async def test_the_version_is_that_of_the_weights(tmp_path: Path) -> None:
    mine = tmp_path / "mine.safetensors"

    async def version() -> str:
        settings = load_settings(model_weights=str(mine))
        async with asyncio.timeout(PATIENCE), Pipeline(settings, network=network("Invert")) as pipeline:
            return pipeline.version

    mine.write_bytes(ugatit.bundled_weights("fast").read_bytes())
    first = await version()
    assert await version() == first
    mine.with_name("new").write_bytes(ugatit.bundled_weights("fast-anime2selfie").read_bytes())
    mine.with_name("new").replace(mine)
    assert await version() != first


async def test_auto_means_every_gpu(photo: bytes) -> None:
    async with asyncio.timeout(PATIENCE), Pipeline(load_settings(), network=network("OneOfTwo")) as pipeline:
        await pipeline.wait_ready()
        assert [engine.spec.device for engine in pipeline.engines] == ["auto", "gpu:1"]
        assert len((await pipeline.translate(photo, Options())).portraits) == 1
