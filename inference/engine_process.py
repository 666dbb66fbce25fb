"""The child that holds the network of one device, and what it and its parent say to each other."""

import importlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

import numpy as np

from inference.orphan import end_with_parent
from ugatit import WeightsError


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
        size: side S of its pictures.
        device: `auto`, `cpu` or `gpu:N`.
        precision: `auto`, `float32`, `bfloat16` or `float16`.
        buckets: batch sizes to warm, ascending.
    """

    loader: str
    weights: Path
    size: int
    device: str
    precision: str
    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The network is in memory. See `Network` for the fields."""

    device: str
    devices: int


@dataclass(frozen=True, slots=True)
class Warmed:
    """Batches up to this bucket run at full speed now. The last one is the largest that fits into memory."""

    bucket: int
    last: bool


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


Message = Loaded | Warmed | Done | Failed | Unusable


def main(connection: Connection, spec: Spec) -> None:
    """Load, say so, warm one bucket after the other, and run the batches that come meanwhile and after."""
    end_with_parent()
    network = _load(connection, spec)
    if network is None:
        return
    try:
        _warm(connection, spec, network)
        while True:
            _run(connection, network, connection.recv())
    except (EOFError, OSError):  # the parent closed its end
        return


def _load(connection: Connection, spec: Spec) -> Network | None:
    try:
        network = _resolve(spec.loader)(spec)
    except WeightsError as error:
        connection.send(Unusable(str(error), weights=True))
    except (ImportError, ValueError) as error:
        connection.send(Unusable(f"{type(error).__name__}: {error}", weights=False))
    else:
        connection.send(Loaded(network.device, network.devices))
        return network
    return None


def _resolve(path: str) -> Callable[[Spec], Network]:
    module, _, name = path.partition(":")
    loader: Callable[[Spec], Network] = getattr(importlib.import_module(module), name)
    return loader


def _warm(connection: Connection, spec: Spec, network: Network) -> None:
    for bucket in spec.buckets:
        while connection.poll(0):  # people come before warmth: a batch of a bucket that is warm already
            _run(connection, network, connection.recv())
        try:
            network(np.zeros((bucket, spec.size, spec.size, 3), np.uint8))
        except MemoryError:
            if bucket == spec.buckets[0]:
                raise
            connection.send(Warmed(bucket // 2, last=True))
            break
        connection.send(Warmed(bucket, last=bucket == spec.buckets[-1]))
        if bucket == spec.buckets[0]:
            os.nice(5)  # from here on the event loop and the prepare processes, small as they are, go first


def _run(connection: Connection, network: Network, batch: np.ndarray) -> None:
    began = time.perf_counter()
    try:
        pictures = network(batch)
    except MemoryError as error:
        connection.send(Failed(f"out of memory: {error}", memory=True))
    except Exception as error:  # any of the network's own; the parent finds out which item it was
        connection.send(Failed(f"{type(error).__name__}: {error}", memory=False))
    else:
        connection.send(Done(pictures, time.perf_counter() - began))
