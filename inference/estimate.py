"""When a photo will be painted, from how long batches took so far."""

import math

FORGETTING = 0.98  # weight of what was known, at each batch: the last fifty or so count
SMOOTHING = 0.05  # weight of the newest photo in the measured faces a photo
SAME = 1e-6  # relative spread of batch sizes below which they are one size


class BatchTimes:
    """Seconds of a batch of n pictures as each·n + once, by least squares over (n, seconds) with forgetting.

    Both are at least 0: noise in a narrow range of sizes must not foretell that larger batches take no time.
    """

    def __init__(self, forgetting: float = FORGETTING) -> None:
        self._forgetting = forgetting
        self._weight = self._n = self._nn = self._s = self._ns = 0.0

    def add(self, n: int, seconds: float) -> None:
        """A batch of `n` ≥ 1 took so long."""
        keep = self._forgetting
        self._weight = keep * self._weight + 1
        self._n = keep * self._n + n
        self._nn = keep * self._nn + n * n
        self._s = keep * self._s + seconds
        self._ns = keep * self._ns + n * seconds

    @property
    def line(self) -> tuple[float, float] | None:
        """(each, once) in seconds; None before the first batch."""
        if not self._weight:
            return None
        spread = self._weight * self._nn - self._n * self._n
        through_zero = self._ns / self._nn
        if spread <= SAME * self._n * self._n:  # one size so far: nothing says what a batch costs by itself
            return through_zero, 0.0
        each = (self._weight * self._ns - self._n * self._s) / spread
        once = (self._s - each * self._n) / self._weight
        if each < 0:
            return 0.0, self._s / self._weight
        return (through_zero, 0.0) if once < 0 else (each, once)

    def seconds(self, n: int) -> float | None:
        """How long a batch of `n` should take; None before the first batch."""
        line = self.line
        return None if line is None else line[0] * n + line[1]


class Estimate:
    """Foretells when work is done on engines that are alike.

    Args:
        largest: pictures in a full batch; may change.
    """

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self._faces = 1.0
        self.times = BatchTimes()

    def photo(self, pictures: int) -> None:
        """One photo gave so many pictures."""
        self._faces += SMOOTHING * (pictures - self._faces)

    def seconds_for(self, photos: int, engines: int) -> float | None:
        """Until the last of that many photos is painted, on `engines` ≥ 1 side by side. None before the first batch.

        Full batches go out as engines become free; the last one may be smaller.
        """
        full = self.times.seconds(self.largest)
        if full is None:
            return None
        pictures = math.ceil(max(1, photos) * self._faces)
        batches = math.ceil(pictures / self.largest)
        rounds, alone = math.ceil(batches / engines), (batches - 1) % engines == 0
        rest = pictures - (batches - 1) * self.largest
        last = (self.times.seconds(1 << (rest - 1).bit_length()) or full) if alone else full
        return full * (rounds - 1) + min(last, full)

    def seconds_per_picture(self, engines: int) -> float | None:
        """When full batches follow each other on that many engines; None before the first batch."""
        full = self.times.seconds(self.largest)
        return None if full is None else full / self.largest / max(1, engines)
