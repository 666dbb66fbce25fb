"""The parent's side of one engine process: start it, supervise it, hand batches over."""

import asyncio
import logging
import multiprocessing
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Self

import numpy as np

from inference import engine_process
from inference.engine_process import Beat, Done, Failed, Loaded, Loading, Message, Spec, Unusable, Warmed, Work
from inference.errors import EngineFailed
from ugatit import WeightsError

log = logging.getLogger(__name__)

LONGEST_BATCH = 600.0  # seconds, before any was measured; the largest bucket on a slow processor takes a tenth of it
SLACK = 20.0  # a batch that takes so many times what its like took is stuck, however busy the machine is
LEAST_ALLOWED = 30.0  # seconds
SILENCE = 15.0  # seconds without a word, after which a process hangs: it says something every second
SILENCE_LOADING = 120.0  # while it imports and loads, when a slow disk may hold it up as a whole
LONGEST_PAUSE = 30.0  # seconds between two starts


class EngineDied(Exception):
    """The process ended before it answered. It is started again."""


class BatchFailed(Exception):
    """The network refused a batch. `memory`: it did not fit."""

    def __init__(self, what: str, memory: bool) -> None:
        super().__init__(what)
        self.memory = memory


class Line:
    """Our end of the pipe to a process, which a thread may close while another is sending.

    The end of the process breaks off what is being sent; closed meanwhile, the file's number could be another file's
    already, to which the rest would go.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()

    def send(self, work: Work) -> None:
        """Blocks while the pipe is full.

        Raises:
            OSError: the process is gone, or this end is closed.
        """
        with self._sending:
            self._connection.send(work)

    def recv(self) -> Message:
        message: Message = self._connection.recv()
        return message

    def close(self) -> None:
        """Waits for what is being sent. Call it once the process is gone."""
        with self._sending:
            self._connection.close()


class Engine:
    """One engine process, supervised from `async with` to its end. One batch at a time.

    A thread starts the process, receives what it says and starts the next one after it; all else happens in the event
    loop.

    Attributes:
        limit: the largest bucket that is warm and pays; 0 while there is none.
        warm: set when every bucket is, or when `failure` is; it stays set over a restart.
        failure: why the network can never run, else None.
        given_up: set when `failure` is.
        restarts: processes that died and were followed by another.
    """

    def __init__(self, spec: Spec, *, on_loaded: Callable[[Loaded], None] | None = None) -> None:
        self.spec = spec
        self.limit = 0
        self.warm = asyncio.Event()
        self.failure: WeightsError | EngineFailed | None = None
        self.given_up = asyncio.Event()
        self.pid: int | None = None
        self.restarts = 0
        self._on_loaded = on_loaded
        self._answer: asyncio.Future[Done] | None = None
        self._connection: Line | None = None  # to the process whose messages count
        self._process: SpawnProcess | None = None
        self._closing = threading.Event()
        self._heard = 0.0  # when the process last said something, by the loop's clock
        self._slowest = 0.0  # seconds a picture
        self._warming = True  # the process, though `warm` stays set after an earlier one
        self._deadline: asyncio.Timeout | None = None  # of the batch under way
        self._listener: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._up: asyncio.Future[Line] = self._loop.create_future()  # resolved when a process takes batches
        self._thread = threading.Thread(target=self._supervise, name=f"engine {self.spec.device}", daemon=True)
        self._thread.start()
        self._listener = asyncio.create_task(self._listen(), name=f"heartbeat of engine {self.spec.device}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._listener.cancel()
        self._kill()
        await asyncio.to_thread(self._thread.join)
        await asyncio.gather(self._listener, return_exceptions=True)

    async def up(self) -> None:
        """Wait until a process takes batches.

        Raises:
            EngineFailed: the network can never run.
        """
        while True:
            try:
                await asyncio.shield(self._up)
            except EngineDied:  # before it was up; the next one may do better
                continue
            return

    async def warmed(self) -> None:
        """Wait until every bucket that pays is warm.

        Raises:
            EngineDied: a process ended meanwhile.
            EngineFailed: the network can never run.
        """
        while not self.warm.is_set():  # no event tells of a death
            if self.restarts:
                raise EngineDied("it ended while it was warmed")
            await asyncio.sleep(0.1)
        if self.failure is not None:
            raise EngineFailed(str(self.failure))

    async def run(self, batch: np.ndarray, *, reverse: bool = False) -> Done:
        """(N, S, S, 3) uint8 → the same, as soon as the process is up. `reverse`: by the network of `Spec.reverse`.

        Raises:
            BatchFailed: the network refused it; the process goes on.
            EngineDied: the process ended over it, or before it could begin.
            EngineFailed: the network can never run.
        """
        connection = await asyncio.shield(self._up)
        self._answer = answer = self._loop.create_future()
        allowed = self._allowed(len(batch))
        try:
            async with asyncio.timeout(allowed) as self._deadline:
                try:
                    # Blocks on a full pipe while a bucket is warmed.
                    await asyncio.to_thread(_send, connection, Work(batch, reverse))
                except EngineDied as error:
                    # Before its own thread has told: else the same dead process would be asked again, and again.
                    self._died(connection, str(error))
                    raise
                done = await answer
        except TimeoutError:
            what = f"no answer within {allowed:.0f} s"
            self._died(connection, what)
            self._kill()
            raise EngineDied(what) from None
        finally:
            self._answer = self._deadline = None
        self._slowest = max(self._slowest, done.seconds / len(batch))
        return done

    def _allowed(self, pictures: int) -> float:
        """Seconds for a batch. The generous time before the last bucket is warm: it may wait for another's warm-up."""
        if self._warming or not self._slowest:
            return LONGEST_BATCH
        return min(LONGEST_BATCH, max(LEAST_ALLOWED, SLACK * self._slowest * pictures))

    async def _listen(self) -> None:
        """Replace a process that says nothing any more, though it exists."""
        while True:
            asleep = self._loop.time()
            await asyncio.sleep(1.0)
            if self._loop.time() - asleep > 2.0:  # we were stopped ourselves: what it said waits to be read
                self._heard = self._loop.time()
            connection = self._connection
            if connection is None:
                continue
            silent = self._loop.time() - self._heard
            if silent > (SILENCE if self.limit else SILENCE_LOADING):
                self._died(connection, f"it said nothing for {silent:.0f} s")
                self._kill()

    def _supervise(self) -> None:
        """The thread: one process after the other, until the end."""
        pause = 0.0
        while not self._closing.wait(pause):
            try:
                connection, process = self._start()
            except OSError as error:  # no memory or no descriptors left, which may pass
                log.warning("engine %s can't be started (%s); trying again", self.spec.device, error)
                pause = min(LONGEST_PAUSE, 2 * pause + 0.5)
                continue
            message: Message | None = None  # the last one, but for heartbeats
            with suppress(EOFError, OSError):
                while True:
                    said = connection.recv()
                    message = message if isinstance(said, Beat) else said
                    if isinstance(said, Done):
                        pause = 0.0
                    self._post(self._received, connection, said)
            process.join(5)
            process.kill()  # one that closed its end and still hangs
            process.join()
            self._post(self._died, connection, f"exit code {process.exitcode}")
            connection.close()
            if isinstance(message, Unusable):
                return
            pause = min(LONGEST_PAUSE, 2 * pause + 0.5) if pause or not isinstance(message, Done) else 0.1

    def _start(self) -> tuple[Line, SpawnProcess]:
        context = multiprocessing.get_context("spawn")
        ours, childs = context.Pipe()
        connection = Line(ours)
        process = context.Process(
            target=engine_process.main, args=(childs, self.spec), name=f"engine-{self.spec.device}", daemon=True
        )
        try:
            process.start()
        except OSError:
            ours.close()
            raise
        finally:
            childs.close()  # so that the end of the process is the end of the pipe
        self._process = process
        if self._closing.is_set():  # after `__aexit__` looked for a process to kill
            process.kill()
        self._post(self._started, connection, process.pid)
        return connection, process

    def _post(self, function: Callable[..., None], *args: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(function, *args)

    def _started(self, connection: Line, pid: int) -> None:
        self._connection = connection
        self._heard = self._loop.time()
        self.pid = pid

    def _received(self, connection: Line, message: Message) -> None:
        if connection is not self._connection:
            return  # the last words of a process that was given up
        self._heard = self._loop.time()
        match message:
            case Beat():
                pass
            case Loading():
                if self._deadline is not None:
                    self._deadline.reschedule(self._loop.time() + LONGEST_BATCH)
            case Loaded():
                log.info("engine %s: network loaded", message.device)
                if self._on_loaded:
                    self._on_loaded(message)
            case Warmed():
                self.limit = message.bucket
                if not self._up.done():
                    self._up.set_result(connection)
                if message.last:
                    self._warming = False
                    self.warm.set()
            case Done():
                if self._answer and not self._answer.done():
                    self._answer.set_result(message)
            case Failed():
                if self._answer and not self._answer.done():
                    self._answer.set_exception(BatchFailed(message.what, message.memory))
            case Unusable():
                self._give_up(WeightsError(message.what) if message.weights else EngineFailed(message.what))

    def _give_up(self, failure: WeightsError | EngineFailed) -> None:
        log.error("the network cannot run: %s", failure)
        self.failure = failure
        self.given_up.set()
        error = EngineFailed(str(failure))
        error.__cause__ = failure
        _fail(self._up, error)
        self._connection = None  # its death is no news
        self.warm.set()

    def _died(self, connection: Line, how: str) -> None:
        if connection is not self._connection:
            return
        if not self._closing.is_set():
            self.restarts += 1
            log.warning("engine %s died (%s); starting it again", self.spec.device, how)
        self._connection = self.pid = None
        self._warming = True
        self.limit = 0
        error = EngineDied(how)
        _fail(self._up, error)
        self._up = self._loop.create_future()
        if self._answer:
            _fail(self._answer, error)

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # seen: nobody may be waiting, which is no fault to warn of


def _send(connection: Line, work: Work) -> None:
    try:
        connection.send(work)
    except OSError as error:
        raise EngineDied(f"the process is gone: {error}") from None
