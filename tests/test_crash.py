"""Kill -9 of the service and of its engine at random moments, and SIGTERM, while a crowd sends photos: one answer each.

The moments follow CRASH_SEED, which is printed: set it to have the same ones again. (What the processes were doing then
differs from run to run all the same.)
"""

import asyncio
import os
import random
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crowd import Crowd, engine_of
from tests.fakes.telegram import FakeTelegram
from tests.service import Service
from tests.wall import unlike_photos

PATIENCE = 240.0  # seconds; the machine may be busy with other things
GRACE = 60.0  # seconds, LIMITS_GRACE
HANDS = 8  # that send at once


@dataclass(frozen=True)
class Siege:
    """What the service goes through.

    Args:
        network: what paints, see `tests.crashing`.
        photos: of all people together.
        to_bot: so many of those go to Telegram, the others to the page.
        services: so often the service is killed.
        engines: so often the engine's process alone is.
        in_flight: photos sent and not answered, about; so few that some are yet to be sent whenever it is killed.
    """

    network: str
    photos: int
    to_bot: int
    services: int
    engines: int
    in_flight: int

    def kills(self, dice: random.Random) -> list[tuple[int, float, str]]:
        """Answers before the kill, seconds after that, and what is killed: one in every part of the photos' way.

        In each part for itself, since a photo that takes the service down with it three times is given up, and should
        be.
        """
        whom = ["service"] * self.services + ["engine"] * self.engines
        dice.shuffle(whom)
        part = self.photos // len(whom)
        return [(n * part + dice.randrange(part), dice.uniform(0, 0.2), who) for n, who in enumerate(whom)]


QUICK = Siege("tests.inference.networks:Invert", photos=1_000, to_bot=300, services=6, engines=4, in_flight=60)
REAL = Siege("", photos=50, to_bot=25, services=2, engines=1, in_flight=16)


@pytest.mark.parametrize("siege", [QUICK, REAL], ids=["quick network", "real network"])
async def test_kills_at_random_moments_leave_one_answer_each(siege: Siege, tmp_path: Path) -> None:
    seed = int(os.environ.get("CRASH_SEED") or secrets.randbelow(1 << 32))
    print(f"CRASH_SEED={seed}")
    dice = random.Random(seed)
    async with besieged(tmp_path, siege.network, siege.photos // 10) as (service, crowd):
        async with asyncio.TaskGroup() as group:
            group.create_task(send_all(siege, crowd, dice))
            group.create_task(kill_all(siege, crowd, service, dice))
        asked = await everybody_has_one(crowd, siege.photos)
        print(f"{asked} of {len(crowd.sent)} were told that their picture may not have arrived")
        assert '"event": "jobs taken up again"' in service.output, "no kill came upon a photo on its way"
        assert await service.stop(PATIENCE) == 0


async def test_sigterm_delivers_what_is_painted_and_the_next_start_the_rest(tmp_path: Path) -> None:
    photos = 30
    async with besieged(tmp_path, "tests.inference.networks:Slow", photos, MODEL_BATCH="1") as (service, crowd):
        for _ in range(photos // 2):
            await crowd.write()
            await crowd.upload()
        await crowd.accepted(photos)
        await crowd.ended(3)
        assert await service.stop(GRACE) == 0
        states = await crowd.states()
        assert {*states} == {"delivered", "queued"}, "what was begun is finished, what was not waits"
        assert states.total() == photos
        await service.start()
        await service.said("Page and API", times=2, within=PATIENCE)
        asked = await everybody_has_one(crowd, photos)
        assert asked == 0, "nothing was broken off"
        assert await service.stop(GRACE) == 0


@asynccontextmanager
async def besieged(folder: Path, network: str, people: int, **settings: str) -> AsyncIterator[tuple[Service, Crowd]]:
    """A service that listens, on an empty database, and people who may send as much as they like."""
    async with (
        FakeTelegram() as tg,
        Service(
            folder,
            module="tests.crashing",
            NETWORK=network,
            TELEGRAM_TOKEN=tg.token,
            TELEGRAM_BASE_URL=tg.base_url,
            TELEGRAM_FILE_URL=tg.file_url,
            LOG_LEVEL="info",
            **{f"LIMITS_{name}": "5000" for name in ("QUEUE", "WAITING", "MINUTE", "HOUR", "ADDRESS")},
            **settings,
        ) as service,
        Crowd(tg, service, folder / "jobs.db", unlike_photos(300), people, PATIENCE) as crowd,
    ):
        await service.said("Page and API", within=PATIENCE)
        yield service, crowd


async def everybody_has_one(crowd: Crowd, photos: int) -> int:
    """Once all is over; returns how many were told that their picture may not have arrived."""
    await crowd.ended(photos)
    delivered = await crowd.states()
    assert delivered == {"delivered": photos}
    await crowd.check_uploads()
    asked = await crowd.check_answers()
    assert await crowd.states() == delivered, "to have it sent again is no new job"
    return asked


async def send_all(siege: Siege, crowd: Crowd, dice: random.Random) -> None:
    """Everybody's photos, no more at once than may be in flight."""
    deeds = [crowd.write] * siege.to_bot + [crowd.upload] * (siege.photos - siege.to_bot)
    dice.shuffle(deeds)
    numbered = iter([*enumerate(deeds)])

    async def hand() -> None:
        for number, deed in numbered:
            await crowd.ended(number - siege.in_flight)
            await deed()

    async with asyncio.TaskGroup() as hands:
        for _ in range(HANDS):
            hands.create_task(hand())


async def kill_all(siege: Siege, crowd: Crowd, service: Service, dice: random.Random) -> None:
    kills = siege.kills(dice)
    starts = 1
    for answers, later, who in kills:
        await crowd.ended(answers)
        await asyncio.sleep(later)  # at whatever moment that is
        if who == "engine":
            pid = engine_of(service)
            assert pid is not None
            with suppress(ProcessLookupError):  # of the last kill, and the next one has not started yet
                os.kill(pid, signal.SIGKILL)
        else:
            await service.kill()
            await service.start()
            starts += 1
            await service.said("Page and API", times=starts, within=PATIENCE)
