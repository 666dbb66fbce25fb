"""`python -m inference worker`: paints what the service orders over SQS. Any number of them, on any machines.

A message is deleted only when its pictures are stored and the report is sent. Until then it is kept hidden by a
heartbeat; so a worker that dies loses nothing, another one takes the order a minute later.
"""

import asyncio
import logging
import math
import secrets
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from prometheus_client import start_http_server
from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

from config import ConfigError, Settings
from inference.errors import EngineFailed, InferenceError
from inference.metrics import EngineVitals, WorkerMetrics
from inference.options import Options
from inference.orders import Order, Report
from inference.pipeline import Pipeline
from storage import ObjectMissing, ObjectStore, StorageError, open_store
from storage.keys import painted_keys
from storage.sqs import HIDDEN, MOST, Queue, Queues, Received, open_queues

log = logging.getLogger(__name__)
T = TypeVar("T")

BEAT = HIDDEN / 3  # seconds between two extensions of a message's hiding
AGAIN = 10  # seconds until an order that failed for no known reason may be tried by anybody
DENIED = "denied"  # see `StorageError`
PAINTED, GIVEN_BACK = "painted", "given_back"  # how an order ends here, beside the codes of `inference.errors`
DENIALS = 5  # tries after which the store means it: what is forbidden seldom passes by itself, as an outage does
LONGEST_PAUSE = 30.0  # seconds between two attempts to reach the store or a queue


class Worker:
    """Takes orders as long as its engines have room for them.

    Args:
        metrics: are told how orders end.
        pause: seconds, scales the back-off when the store or a queue does not answer.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        store: ObjectStore,
        queues: Queues,
        *,
        metrics: WorkerMetrics | None = None,
        pause: float = 1.0,
    ) -> None:
        self._pipeline = pipeline
        self._store = store
        self._queues = queues
        self._metrics = metrics or WorkerMetrics()
        self._pause = pause
        self._orders: set[asyncio.Task[None]] = set()
        self._refusal: StorageError | None = None  # the store's, of all that is asked of it

    async def run(self, stop: asyncio.Event, grace: float) -> None:
        """Work until `stop`; then finish what is under way within `grace` seconds, and give the rest back.

        Raises:
            EngineFailed: no engine can paint any more.
            StorageError: the store refuses everything.
        """
        stopped = asyncio.create_task(stop.wait())
        while not stop.is_set() and self._able and self._refusal is None:
            room = 2 * self._pipeline.largest * self._pipeline.usable - len(self._orders)
            if room <= 0:
                await asyncio.wait({*self._orders, stopped}, return_when=asyncio.FIRST_COMPLETED)
                continue
            receiving = asyncio.create_task(self._insist(partial(self._queues.orders.receive, min(room, MOST))))
            await asyncio.wait({receiving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                receiving.cancel()
                await asyncio.wait({receiving})  # what it may still be given is given back
                break
            for message in receiving.result():
                task = asyncio.create_task(self._serve(message))
                self._orders.add(task)
                task.add_done_callback(self._orders.discard)
        stopped.cancel()
        if self._orders:
            await asyncio.wait(self._orders, timeout=grace)
        left = [*self._orders]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if self._refusal is not None:
            raise self._refusal
        if not self._able:
            raise EngineFailed(f"no engine can paint any more: {self._pipeline.engines[0].failure}")

    @property
    def _able(self) -> bool:
        """A worker that is not would be the quickest of all, and fail every order there is."""
        engines = self._pipeline.engines
        return not engines or any(engine.failure is None for engine in engines)

    async def _serve(self, message: Received) -> None:
        beat = asyncio.create_task(_keep_hidden(self._queues.orders, message))
        try:
            report = await self._paint(Order.from_json(message.body))
            await self._insist(partial(self._queues.results.send, report.to_json()))
            await self._insist(partial(self._queues.orders.delete, message))
            self._metrics.order(report.code or PAINTED)
        except asyncio.CancelledError:
            await self._give_back(message, 0)
            raise
        except Exception as error:  # whoever tries it next may do better; after three it is a dead letter
            log.exception("order failed")
            await self._give_back(message, AGAIN)
            if isinstance(error, StorageError):
                await self._look_at_store()
        finally:
            beat.cancel()

    async def _paint(self, order: Order) -> Report:
        try:
            photo = await self._insist(partial(self._store.get, order.key), denials=DENIALS)
            translation = await self._pipeline.translate(photo, Options.from_json(order.options))
        except EngineFailed:
            raise  # it may be this machine's fault
        except ObjectMissing:
            return Report(order.job, order.photo, code=EngineFailed.code, why=f"{order.key} is gone from the store")
        except InferenceError as error:
            return Report(order.job, order.photo, code=error.code, why=str(error))
        portraits = translation.portraits
        keys = painted_keys(order.job, order.photo, len(portraits))
        data = [part for portrait in portraits for part in (portrait.png, portrait.original)]
        for key, part, kind in zip(keys, data, ("image/png", "image/jpeg") * len(portraits), strict=True):
            await self._insist(partial(self._store.put, key, part, kind), denials=DENIALS)
        return Report(order.job, order.photo, keys, portraits[0].size, translation.found)

    async def _give_back(self, message: Received, seconds: int) -> None:
        self._metrics.order(GIVEN_BACK)
        with suppress(StorageError):  # else it comes back by itself
            await self._queues.orders.hide(message, seconds)

    async def _look_at_store(self) -> None:
        """A store that refused one object may refuse all: a worker that went on would make dead letters of them."""
        try:
            await self._store.check()
        except StorageError as error:
            if error.code == DENIED:
                self._refusal = error

    async def _insist(self, call: Callable[[], Awaitable[T]], *, denials: float = math.inf) -> T:
        """Call until the store or the queue answers: an outage is not the photo's fault.

        Args:
            denials: tries after which "denied" counts as an answer.
        """
        return await AsyncRetrying(
            retry=partial(_passes, denials),
            wait=wait_random_exponential(multiplier=self._pause, max=LONGEST_PAUSE),
            before_sleep=lambda state: log.warning("trying again: %s", state.outcome and state.outcome.exception()),
        )(call)


def _passes(denials: float, state: RetryCallState) -> bool:
    """Whether to try again."""
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, StorageError) or isinstance(error, ObjectMissing):
        return False
    return error.code != DENIED or state.attempt_number < denials


async def _keep_hidden(queue: Queue, message: Received) -> None:
    while True:
        await asyncio.sleep(BEAT)
        try:
            await queue.hide(message)
        except StorageError as error:  # the next beat may be in time
            log.warning("not kept hidden: %s", error)


async def serve(
    settings: Settings,
    *,
    say: Callable[[str], None] = print,
    metrics_at: tuple[str, int] | None = None,
    network: str | None = None,
) -> None:
    """Work until SIGTERM or SIGINT.

    Args:
        metrics_at: host and port at which Prometheus may ask; nobody may by default.
        say: shows a line to the person who started it.
        network: see `Pipeline`; U-GAT-IT by default.

    Raises:
        ConfigError: there is no queue to work from.
        StorageError: the queues or the store can't be used (any more); says what to do.
        WeightsError: MODEL_WEIGHTS can't be used.
        EngineFailed: none of MODEL_DEVICES can be used (any more).
    """
    if not settings.fleet:
        raise ConfigError(f"QUEUE_URL = {settings.queue_url!r}: a worker needs sqs://NAME, the service's own.")
    metrics = WorkerMetrics()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with (
        open_queues(settings.queue_url) as queues,
        open_store(settings.storage_url, secret=secrets.token_bytes(32)) as store,  # a worker makes no links
        Pipeline(settings, network=network, measures=metrics) as pipeline,
    ):
        await store.check()
        if metrics_at is not None:
            EngineVitals(lambda: pipeline.engines).register(metrics.registry)
            _expose(metrics, *metrics_at)
        ready, stopped = asyncio.create_task(pipeline.wait_ready()), asyncio.create_task(stop.wait())
        await asyncio.wait({ready, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            ready.cancel()
            return
        stopped.cancel()
        ready.result()
        say(f"Working for {queues.orders.name}. Ctrl-C stops.")
        await Worker(pipeline, store, queues, metrics=metrics).run(stop, settings.limits_grace)


def _expose(metrics: WorkerMetrics, host: str, port: int) -> None:
    try:
        start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise ConfigError(f"--metrics {host}:{port}: {error.strerror or error}; choose another port.") from error
