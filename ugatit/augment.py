"""Batches of augmented pairs. Which pictures and how they are changed follows from the seed and the position alone, so
a run that goes on from position n sees what an unbroken one would have seen.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image

ENLARGED = 30 / 256  # as in both published releases: 256 → 286 pixels, 12 %
ORDER, CHANGE = 1, 2  # streams of random numbers of their own
AHEAD = 4  # batches made while one is trained on
DRAWS = 7  # random numbers by which one picture is changed for a critic


class Draws(NamedTuple):
    """The random numbers of a step of N pairs, uniform in [0, 1).

    Args:
        mix: (2, N, 1, 1, 1) float32, for domain A and B: where a gradient penalty is taken between real and painted
            pictures.
        noise: (2, N, S, S, 3) float32; of size 1 in place of S and 3 where no loss asks for it.
        changes: (4, N, 7) float32: how a critic sees the real and the painted pictures of domain A, then of B; see
            `ugatit.critic.changes`.
        exchanges: (2, N, 2) float32: which earlier pictures are judged in place of the painted ones of domain A and B;
            see `ugatit.pool`.
    """

    mix: np.ndarray
    noise: np.ndarray
    changes: np.ndarray
    exchanges: np.ndarray


@dataclass(frozen=True, slots=True)
class Batch:
    """N unpaired pictures of either domain, (N, S, S, 3) uint8, and the random numbers of a step."""

    a: np.ndarray
    b: np.ndarray
    draws: Draws


@dataclass(frozen=True, slots=True)
class Batches:
    """All batches of a run.

    Args:
        a, b: (N, S, S, 3) uint8, the two training sets; their lengths may differ.
        batch: pairs in a batch.
        seed: of orders and changes.
        augment: mirror, enlarge and cut at random; otherwise pictures come as they are.
        noise: whether `Draws.noise` is wanted.
    """

    a: np.ndarray
    b: np.ndarray
    batch: int
    seed: int
    augment: bool = True
    noise: bool = False

    def at(self, position: int) -> Batch:
        """The batch that begins after `position` pairs. Every epoch has all pictures of a set once, in a new order."""
        rng = np.random.default_rng([self.seed, CHANGE, position])
        a, b = (self._pictures(which, position, rng) for which in (0, 1))
        size = a.shape[1:] if self.noise else (1, 1, 1)
        shapes = ((2, self.batch, 1, 1, 1), (2, self.batch, *size), (4, self.batch, DRAWS), (2, self.batch, 2))
        return Batch(a, b, Draws(*(rng.random(shape, "float32") for shape in shapes)))

    @contextmanager
    def stream(self, position: int) -> Iterator[Iterator[Batch]]:
        """Batches from a position on, without end, made ahead of time in other threads."""
        pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="pictures")
        try:
            yield self._ahead(pool, position)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _ahead(self, pool: ThreadPoolExecutor, position: int) -> Iterator[Batch]:
        waiting: deque[Future[Batch]] = deque()
        while True:
            while len(waiting) < AHEAD:
                waiting.append(pool.submit(self.at, position))
                position += self.batch
            yield waiting.popleft().result()

    def _pictures(self, which: int, position: int, rng: np.random.Generator) -> np.ndarray:
        pictures = (self.a, self.b)[which]
        chosen = []
        for place in range(position, position + self.batch):
            epoch, index = divmod(place, len(pictures))
            picture = pictures[_order(self.seed, which, epoch, len(pictures))[index]]
            chosen.append(change(picture, rng) if self.augment else picture)
        return np.stack(chosen)


def change(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the pictures mirrored, half enlarged by 30/256 and cut at random: (S, S, 3) uint8 → the same."""
    mirrored, enlarged, left, top = rng.random(4)  # always four numbers, whatever comes of them
    if mirrored < 0.5:
        picture = picture[:, ::-1]
    if enlarged >= 0.5:
        return picture
    size = len(picture)
    side = size / (1 + ENLARGED)
    x, y = left * (size - side), top * (size - side)
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=(x, y, x + side, y + side)))


@lru_cache(maxsize=8)
def _order(seed: int, which: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng([seed, ORDER, which, epoch]).permutation(count)
