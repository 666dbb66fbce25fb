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


async def test_slow_senders_keep_nobody_waiting(
    open_client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for two, both of which send half a photo and then nothing."""
    monkeypatch.setattr(selfies, "UPLOADS", 2)
    monkeypatch.setattr(selfies, "UPLOAD_SECONDS", 0.2)
    client = open_client()
    half, rest = asyncio.Semaphore(0), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield BODY[:20]
        half.release()
        await rest.wait()
        yield BODY[20:]

    async def send_slowly() -> int:
        return (await client.post("/api/selfies", content=slowly(), headers=HEADERS)).status_code

    slow = [asyncio.create_task(send_slowly()) for _ in range(2)]
    for _ in slow:
        await half.acquire()
    began = asyncio.get_running_loop().time()
    answer = await client.post("/api/selfies", content=BODY, headers=HEADERS)
    assert answer.status_code == 202
    assert asyncio.get_running_loop().time() - began > 0.1  # it did wait for a place
    rest.set()
    assert await asyncio.gather(*slow) == [202, 202]
