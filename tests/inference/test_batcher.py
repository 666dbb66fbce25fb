import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from inference.batcher import Batcher, buckets, choose
from inference.engine import BatchFailed, EngineDied
from inference.engine_process import Done
from inference.errors import EngineFailed
from inference.measures import Batch


def crop(value: int) -> np.ndarray:
    return np.full((4, 4, 3), value, np.uint8)


class Recorder:
    """An engine that inverts, notes its batches, and does what `fault` does before."""

    def __init__(self, limit: int = 8, fault: Callable[[list[int]], None] | None = None) -> None:
        self.limit = limit
        self.batches: list[list[int]] = []
        self.began = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()
        self._fault = fault

    async def up(self) -> None:
        """Until it has a process, of which `limit` tells. One that died gets none any more."""
        if not self.limit:
            await asyncio.Event().wait()

    async def run(self, batch: np.ndarray, *, reverse: bool = False) -> Done:
        values = [int(crop[0, 0, 0]) for crop in batch]
        self.batches.append(values)
        self.began.set()
        await asyncio.sleep(0)  # a real engine always lets others run
        await self.free.wait()
        if self._fault:
            self._fault(values)
        return Done(batch if reverse else 255 - batch, 0.5 * len(batch))


async def values_of(batcher: Batcher, values: list[int]) -> list[int | str]:
    """What becomes of crops with these values: the painted value, or the name of the error."""
    results = await asyncio.gather(*(batcher.run(crop(value)) for value in values), return_exceptions=True)
    return [type(r).__name__ if isinstance(r, BaseException) else int(r[0, 0, 0]) for r in results]


def test_buckets_are_powers_of_two() -> None:
    assert buckets(1) == (1,)
    assert buckets(8) == (1, 2, 4, 8)
    assert buckets(100) == (1, 2, 4, 8, 16, 32, 64)


@pytest.mark.parametrize(
    ("waiting", "limit", "expected"),
    [
        (1, 8, (1, 1)),
        (2, 8, (2, 2)),
        (3, 8, (3, 4)),
        (4, 8, (4, 4)),
        (5, 8, (4, 4)),
        (6, 8, (6, 8)),
        (7, 8, (7, 8)),
        (8, 8, (8, 8)),
        (50, 8, (8, 8)),
        (50, 1, (1, 1)),
        (9, 16, (8, 8)),
        (12, 16, (12, 16)),
        (3, 2, (2, 2)),
    ],
)
def test_little_is_padding(waiting: int, limit: int, expected: tuple[int, int]) -> None:
    assert choose(waiting, limit) == expected


async def test_does_not_wait_while_the_engine_is_free() -> None:
    engine = Recorder()
    async with Batcher([engine]) as batcher:
        assert await values_of(batcher, [5]) == [250]

    assert engine.batches == [[5]]


async def test_collects_while_the_engine_is_busy() -> None:
    engine = Recorder()
    engine.free.clear()
    async with Batcher([engine]) as batcher:
        first = asyncio.create_task(values_of(batcher, [1]))
        await engine.began.wait()
        rest = asyncio.create_task(values_of(batcher, [2, 3, 4, 5, 6, 7, 8]))
        await asyncio.sleep(0)
        engine.free.set()
        assert await first == [254]
        assert await rest == [253, 252, 251, 250, 249, 248, 247]

    assert engine.batches == [[1], [2, 3, 4, 5, 6, 7, 8, 8]]


async def test_one_bad_item_does_not_fail_its_batch() -> None:
    def refuse_66(values: list[int]) -> None:
        if 66 in values:
            raise BatchFailed("poison", memory=False)

    async with Batcher([Recorder(fault=refuse_66)]) as batcher:
        painted = await values_of(batcher, [1, 2, 66, 4, 5, 6, 7, 66])

    assert painted == [254, 253, "EngineFailed", 251, 250, 249, 248, "EngineFailed"]


async def test_out_of_memory_halves_the_bucket_and_remembers() -> None:
    def room_for_two(values: list[int]) -> None:
        if len(values) > 2:
            raise BatchFailed("no room", memory=True)

    engine = Recorder(fault=room_for_two)
    async with Batcher([engine]) as batcher:
        assert await values_of(batcher, list(range(8))) == [255 - v for v in range(8)]
        tried = len(engine.batches)
        assert await values_of(batcher, list(range(8))) == [255 - v for v in range(8)]

    assert [len(batch) for batch in engine.batches[:tried]] == [8, 4, 2, 2, 2, 2]
    assert [len(batch) for batch in engine.batches[tried:]] == [2, 2, 2, 2]


async def test_a_crop_that_never_fits_fails_alone() -> None:
    def no_room(values: list[int]) -> None:
        if 9 in values:
            raise BatchFailed("no room", memory=True)

    async with Batcher([Recorder(fault=no_room)]) as batcher:
        assert await values_of(batcher, [1, 9]) == [254, "EngineFailed"]


async def test_a_batch_is_retried_after_a_death() -> None:
    deaths = iter([EngineDied("kill -9")])

    def die_once(values: list[int]) -> None:
        for death in deaths:
            raise death

    async with Batcher([Recorder(fault=die_once)]) as batcher:
        assert await values_of(batcher, [1, 2, 3, 4]) == [254, 253, 252, 251]


async def test_a_deadly_crop_fails_after_three_deaths_and_takes_nobody_with_it() -> None:
    def die_of_13(values: list[int]) -> None:
        if 13 in values:
            raise EngineDied("segmentation fault")

    engine = Recorder(fault=die_of_13)
    async with Batcher([engine]) as batcher:
        painted = await values_of(batcher, [1, 2, 3, 4, 13, 6, 7, 8])
        assert await values_of(batcher, [9]) == [246]

    assert painted == [254, 253, 252, 251, "EngineFailed", 249, 248, 247]
    assert sum(13 in batch for batch in engine.batches) == 3


async def test_cancelled_crops_are_left_out_and_break_nothing() -> None:
    engine = Recorder()
    engine.free.clear()
    async with Batcher([engine]) as batcher:
        runs = [asyncio.create_task(batcher.run(crop(value))) for value in (1, 2, 3)]
        await engine.began.wait()
        late = [asyncio.create_task(batcher.run(crop(value))) for value in (4, 5)]
        await asyncio.sleep(0)
        runs[0].cancel()  # in the batch that runs
        late[0].cancel()  # still waiting
        await asyncio.sleep(0)
        engine.free.set()
        results = await asyncio.gather(*runs, *late, return_exceptions=True)
        assert await values_of(batcher, [6]) == [249]

    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False, False, True, False]
    assert engine.batches == [[1, 2, 3, 3], [5], [6]]


@pytest.mark.parametrize("turns", range(12))
async def test_a_crop_that_arrives_as_the_loop_falls_asleep_is_painted(turns: int) -> None:
    """An event that is cleared while items wait leaves them waiting for ever (ray-project/ray, issue 42631)."""
    async with Batcher([Recorder()]) as batcher, asyncio.timeout(5):
        first = asyncio.create_task(values_of(batcher, [1]))
        for _ in range(turns):
            await asyncio.sleep(0)
        assert (await values_of(batcher, [2]), await first) == ([253], [254])


async def test_crops_that_nobody_waits_for_are_not_tried_again_after_a_death() -> None:
    """Else dead requests make a storm of retries, in which the living wait (ray-project/ray, issue 21438)."""
    deaths = iter([EngineDied("kill -9")])

    def die_once(values: list[int]) -> None:
        for death in deaths:
            raise death

    engine = Recorder(fault=die_once)
    engine.free.clear()
    async with Batcher([engine]) as batcher:
        runs = [asyncio.create_task(batcher.run(crop(value))) for value in (1, 2, 3, 4)]
        await engine.began.wait()
        for run in (runs[0], runs[2], runs[3]):
            run.cancel()
        await asyncio.sleep(0)
        engine.free.set()
        assert int((await runs[1])[0, 0, 0]) == 253
        assert await values_of(batcher, [5]) == [250]

    assert engine.batches == [[1, 2, 3, 4], [2], [5]]


async def test_an_unexpected_fault_fails_its_batch_and_the_loop_lives_on(caplog: pytest.LogCaptureFixture) -> None:
    faults = iter([KeyError("a mistake of ours")])

    def once(values: list[int]) -> None:
        for fault in faults:
            raise fault

    async with Batcher([Recorder(fault=once)]) as batcher:
        assert await values_of(batcher, [1, 2]) == ["EngineFailed", "EngineFailed"]
        assert await values_of(batcher, [3]) == [252]

    assert "a mistake of ours" in caplog.text


async def test_engines_share_the_work() -> None:
    first, second = Recorder(limit=1), Recorder(limit=1)
    async with Batcher([first]) as batcher:
        batcher.add(second)
        assert await values_of(batcher, [1, 2, 3, 4]) == [254, 253, 252, 251]

    assert len(first.batches) == len(second.batches) == 2


async def test_engines_that_are_free_share_what_waits() -> None:
    first, second = Recorder(), Recorder()
    async with Batcher([first, second]) as batcher:
        await values_of(batcher, [9])  # both have looked for work, and one has done some
        assert await values_of(batcher, [1, 2, 3, 4, 5, 6, 7, 8]) == [254, 253, 252, 251, 250, 249, 248, 247]

    assert sorted(len(values) for values in (*first.batches, *second.batches)) == [1, 4, 4]


async def test_a_batch_holds_one_direction() -> None:
    engine = Recorder()
    async with Batcher([engine]) as batcher:
        runs = [batcher.run(crop(value), reverse=value % 2 == 0) for value in (1, 2, 3, 4)]
        assert [int(picture[0, 0, 0]) for picture in await asyncio.gather(*runs)] == [254, 2, 252, 4]

    assert engine.batches == [[1, 3], [2, 4]]


async def test_an_engine_that_can_never_run_is_done_without() -> None:
    class Broken(Recorder):
        async def up(self) -> None:
            raise EngineFailed("no such device")

        async def run(self, batch: np.ndarray, *, reverse: bool = False) -> Done:
            raise EngineFailed("no such device")

    good = Recorder()
    async with asyncio.timeout(5), Batcher([Broken(), good]) as batcher:
        assert await values_of(batcher, [1, 2, 3]) == [254, 253, 252]
    async with asyncio.timeout(5), Batcher([Broken()]) as batcher:
        assert await values_of(batcher, [1, 2]) == ["NoEngine", "NoEngine"]


async def test_what_an_engine_held_that_can_never_run_again_is_painted_by_another() -> None:
    lost = asyncio.Event()

    class Lost(Recorder):
        async def up(self) -> None:
            if lost.is_set():
                raise EngineFailed("no card any more")

    def lose(values: list[int]) -> None:
        lost.set()
        raise EngineFailed("no card any more")

    first, second = Lost(fault=lose), Recorder()
    async with asyncio.timeout(5), Batcher([first, second]) as batcher:
        assert await values_of(batcher, [1, 2, 3, 4]) == [254, 253, 252, 251]
        assert await values_of(batcher, [5]) == [250]
    assert len(first.batches) == 1


async def test_a_process_that_starts_holds_no_crops_that_another_could_paint() -> None:
    class Starting(Recorder):
        async def up(self) -> None:
            await asyncio.Event().wait()

    starting, good = Starting(), Recorder()
    async with asyncio.timeout(5), Batcher([starting, good]) as batcher:
        assert await values_of(batcher, [1, 2, 3]) == [254, 253, 252]
    assert starting.batches == []


async def test_an_engine_that_dies_while_it_has_nothing_to_do_takes_nothing() -> None:
    dead, good = Recorder(), Recorder()
    async with asyncio.timeout(5), Batcher([dead, good]) as batcher:
        await values_of(batcher, [9, 9])
        before = len(dead.batches)
        dead.limit = 0  # as after the death of its process
        dead.free.clear()
        assert await values_of(batcher, [1, 2, 3]) == [254, 253, 252]
    assert len(dead.batches) == before


async def test_tells_of_every_batch_that_was_painted() -> None:
    deaths = iter([EngineDied("kill -9")])

    def die_once(values: list[int]) -> None:
        for death in deaths:
            raise death

    told: list[Batch] = []
    async with Batcher([Recorder(fault=die_once)], ran=told.append) as batcher:
        await values_of(batcher, [1, 2, 3])
        await values_of(batcher, [1, 2, 3])

    assert [(batch.bucket, batch.count, batch.attempts) for batch in told] == [(1, 1, 1), (2, 2, 1), (4, 3, 0)]
    assert told[-1].seconds == pytest.approx(2.0)


async def test_waiting_crops_fail_at_the_end() -> None:
    engine = Recorder(limit=1)
    engine.free.clear()
    async with Batcher([engine]) as batcher:
        runs = [asyncio.create_task(batcher.run(crop(value))) for value in (1, 2)]
        await engine.began.wait()

    results = await asyncio.gather(*runs, return_exceptions=True)
    assert [type(result) for result in results] == [EngineFailed, EngineFailed]
