from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.estimate import BatchTimes, Estimate


def fitted(*batches: tuple[int, float]) -> BatchTimes:
    times = BatchTimes()
    for n, seconds in batches:
        times.add(n, seconds)
    return times


def test_nothing_is_foretold_before_the_first_batch() -> None:
    assert BatchTimes().seconds(8) is None
    assert Estimate(8).seconds_for(1, 1) is None
    assert Estimate(8).seconds_per_picture(1) is None


@given(
    each=st.floats(0.001, 10), once=st.floats(0.001, 10), sizes=st.sets(st.sampled_from([1, 2, 4, 8, 16]), min_size=2)
)
def test_finds_the_line_that_batches_lie_on(each: float, once: float, sizes: set[int]) -> None:
    times = fitted(*((n, each * n + once) for n in sorted(sizes)))

    assert times.line == pytest.approx((each, once), rel=1e-3, abs=1e-6)


def test_one_size_alone_is_taken_as_proportional() -> None:
    assert fitted(*[(4, 2.0)] * 50).seconds(8) == pytest.approx(4.0)


def test_a_machine_that_becomes_slower_is_noticed() -> None:
    times = fitted(*[(1, 0.1), (8, 0.8)] * 100)
    for n in [1, 8] * 100:
        times.add(n, 0.3 * n)

    assert times.seconds(8) == pytest.approx(2.4, rel=0.05)


@given(st.lists(st.tuples(st.sampled_from([1, 2, 4, 8]), st.floats(0, 100)), min_size=1, max_size=60))
def test_whatever_was_measured_larger_batches_never_take_less(batches: list[tuple[int, float]]) -> None:
    times = fitted(*batches)
    foretold = [times.seconds(n) or 0.0 for n in (1, 2, 4, 8, 16)]

    assert foretold[0] >= 0
    assert all(more >= less - 1e-9 for less, more in pairwise(foretold))


@pytest.mark.parametrize(
    ("photos", "engines", "expected"),
    [
        (1, 1, 1.1),  # a batch of 1
        (3, 1, 1.4),  # of 4, one of it padding
        (8, 1, 1.8),
        (9, 1, 1.8 + 1.1),
        (16, 1, 2 * 1.8),
        (16, 2, 1.8),  # side by side
        (17, 2, 1.8 + 1.1),
        (24, 2, 2 * 1.8),
        (500, 4, 16 * 1.8),
    ],
)
def test_batches_go_out_as_engines_become_free(photos: int, engines: int, expected: float) -> None:
    estimate = Estimate(8)
    for n in (1, 2, 4, 8):
        estimate.times.add(n, 0.1 * n + 1.0)

    assert estimate.seconds_for(photos, engines) == pytest.approx(expected)


def test_photos_with_several_faces_take_longer() -> None:
    estimate = Estimate(8)
    estimate.times.add(8, 2.0)
    for _ in range(200):
        estimate.photo(2)

    assert estimate.seconds_for(8, 1) == pytest.approx(4.0)
    assert estimate.seconds_per_picture(2) == pytest.approx(0.125)
