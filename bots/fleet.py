"""The service's end of a fleet: orders go out over SQS, workers anywhere paint, reports come back.

It stands where the pipeline stands when the service paints itself. Whatever a crash interrupts is ordered again at the
next start: a photo may then be painted twice, but is answered once.
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bots.patience import store_answers
from inference import InferenceError, Portrait, Translation
from inference.engine import Engine
from inference.errors import EngineFailed, Expired
from inference.orders import Order, Report
from storage import Job, ObjectMissing, ObjectStore, StorageError

if TYPE_CHECKING:
    from storage.sqs import Queue, Queues, Received  # whose SDK is slow to import, and only a fleet needs it

log = structlog.get_logger(__name__)

IN_FLIGHT = 256  # orders at once: more than the workers have in hand, so that their number can follow the queue's depth
REMEMBERED = 120.0  # seconds of reports by which the fleet's pace is told
PAUSE = 5.0  # seconds after a queue did not answer


class PaintedElsewhere(InferenceError):
    """A worker says why there is no picture."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


class Fleet:
    """See `inference.Pipeline`, whose place it takes.

    Args:
        version: another one when the workers' weights are others.
        deadline: seconds after which nobody waits for a photo any more.
        clock: seconds.
    """

    def __init__(
        self,
        queues: "Queues",
        store: ObjectStore,
        *,
        version: str,
        deadline: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self.engines: list[Engine] = []
        self.usable = 1
        self.largest = IN_FLIGHT // 2  # twice a batch is in flight, see `Workshop`
        self.version = version
        self._queues = queues
        self._store = store
        self._deadline = deadline
        self._clock = clock
        self._waiting: dict[tuple[str, int], asyncio.Future[Report]] = {}
        self._reported: deque[float] = deque()  # when, of the last `REMEMBERED` seconds

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Fleet"]:
        """Take reports and dead letters in for as long as this lasts."""
        listeners = [
            asyncio.create_task(self._listen(self._queues.results, _report), name="reports"),
            asyncio.create_task(self._listen(self._queues.dead, _given_up), name="dead letters"),
        ]
        try:
            yield self
        finally:
            for task in listeners:
                task.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)

    async def wait_ready(self) -> None:
        """Orders are taken at once: workers may come and go."""

    async def wait_broken(self) -> str:
        """For ever: whether workers can paint is their own business."""
        await asyncio.Event().wait()
        raise AssertionError

    async def paint(self, job: Job, key: str) -> Translation:
        """Have one of the job's photos painted.

        Raises:
            InferenceError: its code says what the person may be told.
        """
        order = Order(job.id, job.inputs.index(key) + 1, key, job.options)
        # People share the workers fairly; who they are is nobody's business there.
        group = hashlib.sha256(job.person.encode()).hexdigest()[:32]
        name = (order.job, order.photo)
        try:
            # Before the order goes out, or a report could come before anybody waits for it.
            self._waiting[name] = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(self._deadline):
                await store_answers(partial(self._queues.orders.send, order.to_json(), group))
                while True:
                    report = await self._waiting[name]
                    if report.code:
                        raise PaintedElsewhere(report.code, report.why)
                    with suppress(ObjectMissing):  # an earlier copy of this report was used up before a crash
                        return await self._fetch(report)
                    self._waiting[name] = asyncio.get_running_loop().create_future()
        except TimeoutError:
            raise Expired(f"no worker has painted it within {self._deadline:.0f} s") from None
        finally:
            self._waiting.pop(name, None)

    def seconds_per_picture(self) -> float | None:
        """By the reports of the last minutes, of all workers together; None while there were too few."""
        self._drop_old()
        if len(self._reported) < 2:
            return None
        return (self._clock() - self._reported[0]) / len(self._reported)

    def seconds_for(self, photos: int) -> float | None:
        """Until the last of that many photos should be painted; None while nobody knows."""
        pace = self.seconds_per_picture()
        return None if pace is None else pace * photos

    async def _fetch(self, report: Report) -> Translation:
        data = [await store_answers(partial(self._store.get, key)) for key in report.pictures]
        await self._wipe(report)
        pairs = zip(data[::2], data[1::2], strict=True)
        return Translation(tuple(Portrait(png, original, report.size) for png, original in pairs), report.found)

    async def _wipe(self, report: Report) -> None:
        try:
            await self._store.delete(report.pictures)
        except StorageError as error:  # a sweep finds what is left there
            log.warning("handed-over pictures not deleted", job=report.job, error=str(error))

    async def _listen(self, queue: "Queue", read: Callable[[str], Report]) -> None:
        while True:
            try:
                messages = await queue.receive()
            except StorageError as error:
                log.warning("queue does not answer", queue=queue.name, error=str(error))
                await asyncio.sleep(PAUSE)
                continue
            for message in messages:
                await self._take(queue, message, read)

    async def _take(self, queue: "Queue", message: "Received", read: Callable[[str], Report]) -> None:
        try:
            report = read(message.body)
        except ValueError as error:
            log.error("message not understood", queue=queue.name, error=str(error))
        else:
            waiting = self._waiting.get((report.job, report.photo))
            if waiting is not None and not waiting.done():
                waiting.set_result(report)
                self._reported.append(self._clock())
            elif waiting is None and report.pictures:  # cancelled or forgotten meanwhile
                await self._wipe(report)
        try:
            await queue.delete(message)
        except StorageError as error:  # it comes again, and is nobody's then
            log.warning("message not deleted", queue=queue.name, error=str(error))

    def _drop_old(self) -> None:
        while self._reported and self._reported[0] < self._clock() - REMEMBERED:
            self._reported.popleft()


def _report(body: str) -> Report:
    return Report.from_json(body)


def _given_up(body: str) -> Report:
    order = Order.from_json(body)
    return Report(order.job, order.photo, code=EngineFailed.code, why="no worker could finish it")
