"""How many photos are read at once, when many come at one moment."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from bots.web import selfies
from bots.web.limits import Turnstile
from tests.bots.web.conftest import Client

LONG = 60.0
BODY = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\nx\r\n--b--\r\n'
HEADERS = {"content-type": "multipart/form-data; boundary=b"}


async def test_so_many_at_once_in_the_order_of_their_coming() -> None:
    turnstile = Turnstile(2, LONG)
    inside: set[int] = set()
    most, order = 0, []

    async def pass_through(number: int) -> None:
        nonlocal most
        async with turnstile.passed():
            inside.add(number)
            order.append(number)
            most = max(most, len(inside))
            await asyncio.sleep(0.001)
            inside.remove(number)

    await asyncio.gather(*(pass_through(number) for number in range(20)))
    assert (most, order) == (2, list(range(20)))


async def test_a_slow_one_counts_no_longer_and_leaves_once() -> None:
    turnstile = Turnstile(1, 0.05)
    async with asyncio.timeout(5), turnstile.passed(), turnstile.passed():
        pass
    # Each gave its place back once: a second one would let two in now.
    turnstile_is_full = asyncio.Event()

    async def hold() -> None:
        async with turnstile.passed():
            turnstile_is_full.set()
            await asyncio.sleep(0.03)

    holding = asyncio.create_task(hold())
    await turnstile_is_full.wait()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), turnstile.passed():
            pass
    await holding


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
async def test_whoever_fails_inside_leaves(error: type[BaseException]) -> None:
    turnstile = Turnstile(1, LONG)
    with pytest.raises(error):
        async with turnstile.passed():
            raise error
    async with asyncio.timeout(5), turnstile.passed():
        pass


@pytest.mark.parametrize("seconds", [0.05, LONG])
async def test_slow_senders_keep_others_waiting_for_a_moment_only(
    open_client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """With room for two, both of which send a part of a photo and then nothing."""
    monkeypatch.setattr(selfies, "UPLOADS", 2)
    monkeypatch.setattr(selfies, "UPLOAD_SECONDS", seconds)
    client = open_client()
    begun, rest = asyncio.Semaphore(0), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield BODY[:20]
        begun.release()
        await rest.wait()
        yield BODY[20:]

    async def send(body: bytes | AsyncIterator[bytes]) -> int:
        return (await client.post("/api/selfies", content=body, headers=HEADERS)).status_code

    slow = [asyncio.create_task(send(slowly())) for _ in range(2)]
    for _ in slow:
        await begun.acquire()
    quick = asyncio.create_task(send(BODY))
    done, _ = await asyncio.wait([quick], timeout=0.3 if seconds == LONG else 10)
    assert bool(done) is (seconds != LONG)
    rest.set()
    assert await asyncio.gather(quick, *slow) == [202] * 3
