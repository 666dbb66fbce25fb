import asyncio
import errno
import os
import signal
import threading
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.context import SpawnProcess
from pathlib import Path

import numpy as np
import psutil
import pytest

from inference import engine as engine_module
from inference.batcher import Batcher
from inference.engine import BatchFailed, Engine, EngineDied, Line
from inference.engine_process import Work
from inference.errors import EngineFailed
from tests.inference import SIZE, network, spec
from tests.inference.networks import DEADLY, POISON, wait_for_file
from ugatit import WeightsError

PATIENCE = 30.0


def crops(*values: int) -> np.ndarray:
    return np.stack([np.full((SIZE, SIZE, 3), value, np.uint8) for value in values])


async def test_runs_batches_and_warms_every_bucket(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec("Invert", tmp_path)) as engine:
        done = await engine.run(crops(1, 2))
        assert done.batch.dtype == np.uint8
        assert done.batch[:, 0, 0, 0].tolist() == [254, 253]
        assert done.seconds > 0
        await engine.warm.wait()
        assert engine.limit == 8
        assert engine.failure is None


async def test_nothing_is_left_of_the_process_after_the_end(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec("Held", tmp_path)) as engine:
        running = asyncio.create_task(engine.run(crops(1)))
        await asyncio.to_thread(wait_for_file, tmp_path / "begun")
        pid = engine.pid
        assert pid is not None
        running.cancel()

    assert not psutil.pid_exists(pid)


async def test_kill_9_in_the_middle_of_a_batch_is_retried(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec("Held", tmp_path)) as engine, Batcher([engine]) as batcher:
        runs = [asyncio.create_task(batcher.run(crops(value)[0])) for value in (1, 2, 3)]
        await asyncio.to_thread(wait_for_file, tmp_path / "begun")
        killed = engine.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        (tmp_path / "go").touch()
        painted = await asyncio.gather(*runs)

        assert [int(picture[0, 0, 0]) for picture in painted] == [254, 253, 252]
        assert engine.pid != killed


async def test_a_process_found_dead_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end is noticed in a thread, a moment later: in that moment it must not use up all attempts of a crop."""
    send, asked = engine_module._send, []

    def broken(connection: Line, work: Work) -> None:
        asked.append(connection)
        if connection is not asked[0]:
            send(connection, work)
            return
        if len(asked) == 1:
            threading.Timer(0.5, os.kill, (engine.pid, signal.SIGKILL)).start()
        raise EngineDied("the pipe is broken")

    monkeypatch.setattr(engine_module, "_send", broken)
    async with asyncio.timeout(PATIENCE), Engine(spec("Invert", tmp_path)) as engine, Batcher([engine]) as batcher:
        await engine.up()
        assert (await batcher.run(crops(1)[0]) == 254).all()

    assert asked.count(asked[0]) == 1
    assert engine.restarts == 1


def test_a_pipe_is_not_closed_under_what_is_being_sent() -> None:
    ours, childs = Pipe()
    line, large = Line(ours), Work(np.zeros((1, 2048, 2048, 3), np.uint8), False)
    failures: list[Exception] = []

    def send() -> None:
        try:
            line.send(large)
        except Exception as error:
            failures.append(error)

    sender, closer = (threading.Thread(target=target, daemon=True) for target in (send, line.close))
    sender.start()
    while not childs.poll(0.1):  # its beginning lies in the pipe, which holds no more
        pass
    closer.start()
    closer.join(0.3)
    assert closer.is_alive()
    assert not ours.closed
    childs.close()
    for thread in (sender, closer):
        thread.join(PATIENCE)
    assert [type(error) for error in failures] in ([BrokenPipeError], [ConnectionResetError])
    assert ours.closed
    with pytest.raises(EngineDied, match="closed"):
        engine_module._send(line, large)


async def test_a_stopped_process_is_found_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engine.LONGEST_BATCH", 0.2)
    async with asyncio.timeout(PATIENCE), Engine(spec("Held", tmp_path)) as engine:
        with pytest.raises(EngineDied):
            await engine.run(crops(1))
        monkeypatch.setattr("inference.engine.LONGEST_BATCH", PATIENCE)
        (tmp_path / "go").touch()
        assert (await engine.run(crops(1))).batch[0, 0, 0, 0] == 254


async def test_a_process_that_hangs_is_noticed_by_its_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engine.SILENCE", 3.0)
    async with asyncio.timeout(PATIENCE), Engine(spec("Invert", tmp_path)) as engine:
        await engine.warm.wait()
        stopped = engine.pid
        assert stopped is not None
        os.kill(stopped, signal.SIGSTOP)
        with pytest.raises(EngineDied, match="said nothing"):
            await engine.run(crops(1))
        assert (await engine.run(crops(1))).batch[0, 0, 0, 0] == 254
        assert engine.pid != stopped


async def test_a_batch_that_takes_much_longer_than_its_like_is_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.engine.LEAST_ALLOWED", 0.5)
    async with asyncio.timeout(PATIENCE), Engine(spec("Held", tmp_path)) as engine:
        await engine.warm.wait()
        await engine.run(crops(0))  # says how long a batch takes
        with pytest.raises(EngineDied, match="no answer within"):
            await engine.run(crops(1))


async def test_the_other_direction_is_loaded_when_it_is_first_wanted(tmp_path: Path) -> None:
    there, back = spec("Invert", tmp_path), tmp_path / "reverse"
    async with asyncio.timeout(PATIENCE), Engine(replace(there, loader=network("either"), reverse=back)) as engine:
        assert (await engine.run(crops(1))).batch[0, 0, 0, 0] == 254
        assert not back.exists()
        assert (await engine.run(crops(1), reverse=True)).batch[0, 0, 0, 0] == 1
        assert back.read_text() == "anime2selfie"


async def test_a_refused_batch_leaves_the_process_alone(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec("Poisoned", tmp_path)) as engine:
        with pytest.raises(BatchFailed, match="poison") as failure:
            await engine.run(crops(1, POISON))
        assert not failure.value.memory
        pid = engine.pid
        assert (await engine.run(crops(1, 2))).batch[1, 0, 0, 0] == 253
        assert engine.pid == pid


async def test_a_poisoned_crop_is_isolated_from_its_batch(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec("Poisoned", tmp_path)) as engine, Batcher([engine]) as batcher:
        await engine.warm.wait()
        runs = (batcher.run(crops(value)[0]) for value in (1, 2, POISON, 4))
        results = await asyncio.gather(*runs, return_exceptions=True)

    assert [type(result) for result in results] == [np.ndarray, np.ndarray, EngineFailed, np.ndarray]


async def test_a_deadly_crop_ends_honestly_and_alone(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec("Deadly", tmp_path)) as engine, Batcher([engine]) as batcher:
        await engine.warm.wait()
        runs = (batcher.run(crops(value)[0]) for value in (1, DEADLY))
        results = await asyncio.gather(*runs, return_exceptions=True)

    assert [type(result) for result in results] == [np.ndarray, EngineFailed]


async def test_out_of_memory_while_running(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec("Hungry", tmp_path)) as engine, Batcher([engine]) as batcher:
        await engine.warm.wait()
        painted = await asyncio.gather(*(batcher.run(crops(value)[0]) for value in (1, 2, 3, 4)))

    assert [int(picture[0, 0, 0]) for picture in painted] == [254, 253, 252, 251]
    ran = [line for line in (tmp_path / "batches").read_text().splitlines() if not line.endswith(" 0")]
    assert ran == ["4 4", "2 2", "2 4"]


async def test_out_of_memory_while_warming_sets_the_limit(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec("Cramped", tmp_path)) as engine:
        await engine.warm.wait()
        assert engine.limit == 2


async def test_a_bucket_that_loses_pace_is_left_out(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec("Tiring", tmp_path)) as engine:
        await engine.warm.wait()
        assert engine.limit == 2


@pytest.mark.parametrize(
    ("name", "error", "words"), [("misshapen", WeightsError, "kernel"), ("no_such_device", EngineFailed, "0 GPUs")]
)
async def test_a_network_that_cannot_load_is_not_tried_again(
    name: str, error: type[Exception], words: str, tmp_path: Path
) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec(name, tmp_path)) as engine:
        await engine.warm.wait()
        assert isinstance(engine.failure, error)
        assert words in str(engine.failure)
        with pytest.raises(EngineFailed, match=words):
            await engine.run(crops(1))
        await asyncio.to_thread(engine._thread.join, PATIENCE)  # the supervisor has given up
        assert not engine._thread.is_alive()


async def test_a_process_that_cannot_start_fails_what_waits_for_it(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), Engine(spec("ends_at_start", tmp_path)) as engine:
        with pytest.raises(EngineDied, match="exit code 3"):
            await engine.run(crops(1))


async def test_loading_the_other_direction_counts_as_no_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.engine.LEAST_ALLOWED", 0.5)
    slow = replace(spec("Invert", tmp_path), loader=network("slow_to_load"), reverse=tmp_path / "reverse")
    async with asyncio.timeout(PATIENCE), Engine(slow) as engine:
        await engine.warm.wait()
        await engine.run(crops(1))
        done = await engine.run(crops(1), reverse=True)
        assert done.batch[0, 0, 0, 0] == 1
        assert done.seconds < 0.5


async def test_a_failure_to_load_the_other_direction_is_remembered(tmp_path: Path) -> None:
    broken = replace(spec("Invert", tmp_path), loader=network("breaks_in_reverse"), reverse=tmp_path / "tries")
    async with asyncio.timeout(PATIENCE), Engine(broken) as engine:
        for _ in range(2):
            with pytest.raises(BatchFailed, match="cut short"):
                await engine.run(crops(1), reverse=True)
        assert (tmp_path / "tries").read_text() == "x"
        assert (await engine.run(crops(1))).batch[0, 0, 0, 0] == 254


async def test_a_start_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts, real = [], SpawnProcess.start

    def no_descriptors_left(process: SpawnProcess) -> None:
        starts.append(process)
        if len(starts) in {1, 3}:
            raise OSError(errno.EMFILE, "Too many open files")
        real(process)

    monkeypatch.setattr(SpawnProcess, "start", no_descriptors_left)
    async with asyncio.timeout(PATIENCE), Engine(spec("Invert", tmp_path)) as engine:
        await engine.run(crops(1))
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        while len(starts) < 4:  # noqa: ASYNC110, the engine tells nobody
            await asyncio.sleep(0.01)
        assert (await engine.run(crops(1))).batch[0, 0, 0, 0] == 254
