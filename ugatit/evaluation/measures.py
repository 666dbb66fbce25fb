"""KID and FID of two sets of features, in NumPy and float64.

Sources: KID arXiv:1801.01401 (unbiased estimate, kernel (x.y / d + 1)^3), FID arXiv:1706.08500.
"""

from dataclasses import dataclass

import numpy as np

SUBSETS, SUBSET_SIZE, SEED = 100, 50, 0


@dataclass(frozen=True, slots=True)
class Scores:
    """What two sets of features score against each other; less is better.

    Args:
        kid: over all pictures at once, unbiased, so that it may be below 0.
        kid_mean, kid_spread: mean and standard deviation over random subsets.
        fid: with the covariances as they are; of fewer than some thousand pictures it is biased upwards.
    """

    kid: float
    kid_mean: float
    kid_spread: float
    fid: float


def score(x: np.ndarray, y: np.ndarray) -> Scores:
    """x: (N, d), y: (M, d) features, two rows at least.

    Raises:
        ValueError: other shapes, or numbers that are not finite.
    """
    x, y = np.asarray(x, "f8"), np.asarray(y, "f8")
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(f"features are (N, d) and (M, d), N and M at least 2. Received: {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("features that are not finite")
    mean, spread = kid_over_subsets(x, y)
    return Scores(kid(x, y), mean, spread, fid(x, y))


def kid(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased squared maximum mean discrepancy. x: (N, d), y: (M, d)."""
    between = _kernel(x, y).mean()
    return float(_among(x) + _among(y) - 2 * between)


def kid_over_subsets(
    x: np.ndarray, y: np.ndarray, *, size: int = SUBSET_SIZE, subsets: int = SUBSETS, seed: int = SEED
) -> tuple[float, float]:
    """Mean and standard deviation of `kid` over random subsets of either set, without repetition in one."""
    rng = np.random.default_rng(seed)
    size = min(size, len(x), len(y))
    # The two draws alternate, so that other implementations with the same generator draw the same subsets.
    values = [
        kid(x[rng.choice(len(x), size, replace=False)], y[rng.choice(len(y), size, replace=False)])
        for _ in range(subsets)
    ]
    return float(np.mean(values)), float(np.std(values))


def fid(x: np.ndarray, y: np.ndarray) -> float:
    """The Fréchet distance of the normal distributions fitted to x, (N, d), and y, (M, d).

    With covariances A'A and B'B, the trace of the root of their product is the sum of the singular values of AB': no
    root of a singular 2048 x 2048 matrix has to be taken, and none comes out complex.
    """
    a, b = _root(x), _root(y)
    cross = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    offset = x.mean(0) - y.mean(0)
    return float(offset @ offset + (a**2).sum() + (b**2).sum() - 2 * cross)


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _among(x: np.ndarray) -> float:
    """The mean kernel of all pairs of different rows."""
    kernel, count = _kernel(x, x), len(x)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))


def _root(x: np.ndarray) -> np.ndarray:
    """(N, d) → A, no more than d rows, with A'A the covariance of x."""
    centred = (x - x.mean(0)) / np.sqrt(len(x) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(x) > x.shape[1] else centred
