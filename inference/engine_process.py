"""The child that holds the network of one device, and what it and its parent say to each other."""

import importlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

import numpy as np

from inference.orphan import end_with_parent
from ugatit import Direction, WeightsError

REVERSE = Direction.ANIME2SELFIE.value


class Network(Protocol):
    """What an engine runs.

    Attributes:
        device: where it runs, `cpu` or `gpu:N`.
        devices: how many such devices this machine has.
    """

    device: str
    devices: int

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """(N, S, S, 3) uint8 RGB → the same.

        Raises:
            MemoryError: the batch does not fit; a smaller one may.
        """


@dataclass(frozen=True, slots=True)
class Spec:
    """How to make the network.

    Args:
        loader: `module:function` that takes this spec and returns a `Network`.
        weights: the safetensors file.
        direction: which of its generators, as `ugatit.Direction` names it; empty: the one that it holds.
        reverse: the file of the network for the other direction, if there is one. It is loaded when it is first needed.
        size: side S of its pictures.
        device: `auto`, `cpu` or `gpu:N`.
        precision: `auto`, `float32`, `bfloat16` or `float16`.
        buckets: batch sizes to warm, ascending.
        graphs: the folder in which a backend may keep what it makes of weights files; None: nowhere.
    """

    loader: str
    weights: Path
    size: int
    device: str
    precision: str
    buckets: tuple[int, ...]
    direction: str = ""
    reverse: Path | None = None
    graphs: Path | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A batch, (N, S, S, 3) uint8, for one of the two directions."""

    batch: np.ndarray
    reverse: bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """The network is in memory. See `Network` for the fields."""

    device: str
    devices: int


@dataclass(frozen=True, slots=True)
class Warmed:
    """Batches up to this bucket run at full speed now. The last one is the largest that fits into memory and pays."""

    bucket: int
    last: bool


@dataclass(frozen=True, slots=True)
class Beat:
    """The process is alive, though the network may be at work."""


@dataclass(frozen=True, slots=True)
class Loading:
    """The other direction's network is being loaded, for the batch that was sent: it takes longer than others."""


@dataclass(frozen=True, slots=True)
class Done:
    """(N, S, S, 3) uint8, and the seconds that the network took."""

    batch: np.ndarray
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The network could not run a batch; the process goes on. `memory`: a smaller one may fit."""

    what: str
    memory: bool


@dataclass(frozen=True, slots=True)
class Unusable:
    """The network cannot be loaded, and would not be at another try. `weights`: because of that file."""

    what: str
    weights: bool


Message = Loaded | Warmed | Beat | Loading | Done | Failed | Unusable

BEAT_EVERY = 1.0  # seconds
RUNS, LONG = 5, 0.25  # a bucket is timed so often, or for so many seconds
NOTICED = 0.005  # seconds; the pace of what is quicker is never what people wait for
TOLERANCE = 0.1  # of the best pace, that a larger bucket may lose


class Parent:
    """The parent, as the process talks to it: from its main thread, and from that of the heartbeat."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._turn = threading.Lock()

    def send(self, message: Message) -> None:
        with self._turn:
            self._connection.send(message)

    def recv(self) -> Work:
        work: Work = self._connection.recv()
        return work

    def waits(self) -> bool:
        """Whether there is work."""
        return self._connection.poll(0)

    def keep_beating(self) -> None:
        """Until the parent is gone. A thread of its own: the interpreter runs it also while the network computes."""
        while True:
            try:
                self.send(Beat())
            except OSError:
                return
            time.sleep(BEAT_EVERY)


class Networks:
    """The network of the usual direction, and the other one once it was asked for."""

    def __init__(self, spec: Spec, usual: Network) -> None:
        self._spec = spec
        self._usual = usual
        self._reverse: Network | Exception | None = None

    def of(self, work: Work, parent: Parent) -> Network:
        """The one for this work, loaded and used to a batch of this size once: the time of that says nothing of others.

        Raises:
            Exception: what kept it from being loaded, also at the first try; later ones do not try again.
        """
        if not work.reverse:
            return self._usual
        if self._reverse is None:
            parent.send(Loading())
            try:
                self._reverse = self._load(work)
            except Exception as error:
                self._reverse = error
        if isinstance(self._reverse, Exception):
            raise self._reverse
        return self._reverse

    def _load(self, work: Work) -> Network:
        if self._spec.reverse is None:
            raise ValueError("no weights for this direction")
        spec = replace(self._spec, weights=self._spec.reverse, direction=REVERSE)
        network = _resolve(spec.loader)(spec)
        network(np.zeros_like(work.batch))
        return network


def main(connection: Connection, spec: Spec) -> None:
    """Load, say so, warm one bucket after the other, and run the batches that come meanwhile and after."""
    end_with_parent()
    parent = Parent(connection)
    threading.Thread(target=parent.keep_beating, name="heartbeat", daemon=True).start()
    network = _load(parent, spec)
    if network is None:
        return
    networks = Networks(spec, network)
    try:
        _warm(parent, spec, network, networks)
        while True:
            _run(parent, networks, parent.recv())
    except (EOFError, OSError):  # the parent closed its end
        return


def _load(parent: Parent, spec: Spec) -> Network | None:
    try:
        network = _resolve(spec.loader)(spec)
    except WeightsError as error:
        parent.send(Unusable(str(error), weights=True))
    except (ImportError, ValueError) as error:
        parent.send(Unusable(f"{type(error).__name__}: {error}", weights=False))
    else:
        parent.send(Loaded(network.device, network.devices))
        return network
    return None


def _resolve(path: str) -> Callable[[Spec], Network]:
    module, _, name = path.partition(":")
    loader: Callable[[Spec], Network] = getattr(importlib.import_module(module), name)
    return loader


def _warm(parent: Parent, spec: Spec, network: Network, networks: Networks) -> None:
    limit, best = 0, 0.0  # the largest bucket that pays, and the best pace so far in pictures/s
    for bucket in spec.buckets:
        while parent.waits():  # people come before warmth: a batch of a bucket that is warm already
            _run(parent, networks, parent.recv())
        batch = np.zeros((bucket, spec.size, spec.size, 3), np.uint8)
        try:
            network(batch)
            seconds = _quickest(network, batch)
            if _loses(bucket, seconds, best):
                seconds = min(seconds, _quickest(network, batch))  # the machine may have been busy with something else
        except MemoryError:
            if not limit:
                raise
            parent.send(Warmed(limit, last=True))
            break
        if _loses(bucket, seconds, best):  # as on processors, whose caches a large batch overflows
            parent.send(Warmed(limit, last=True))
            break
        limit, best = bucket, max(best, bucket / seconds)
        parent.send(Warmed(bucket, last=bucket == spec.buckets[-1]))
        if bucket == spec.buckets[0]:
            os.nice(5)  # from here on the event loop and the prepare processes, small as they are, go first


def _quickest(network: Network, batch: np.ndarray) -> float:
    """Seconds of the quickest run, out of several where they are short."""
    runs: list[float] = []
    while len(runs) < RUNS and sum(runs) < LONG:
        began = time.perf_counter()
        network(batch)
        runs.append(time.perf_counter() - began)
    return min(runs)


def _loses(bucket: int, seconds: float, best: float) -> bool:
    return seconds > NOTICED and bucket / seconds < (1 - TOLERANCE) * best


def _run(parent: Parent, networks: Networks, work: Work) -> None:
    began = time.perf_counter()
    try:
        network = networks.of(work, parent)
        began = time.perf_counter()
        pictures = network(work.batch)
    except MemoryError as error:
        parent.send(Failed(f"out of memory: {error}", memory=True))
    except Exception as error:  # any of the network's own; the parent finds out which item it was
        parent.send(Failed(f"{type(error).__name__}: {error}", memory=False))
    else:
        parent.send(Done(pictures, time.perf_counter() - began))
