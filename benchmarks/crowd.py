"""People who send selfies and wait for their pictures, through the fake Telegram server or the web API."""

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from benchmarks.photos import unlike_any_other
from tests.fakes.telegram import Call, Chat, FakeTelegram

ANSWERS = frozenset({"sendPhoto", "sendDocument", "sendMediaGroup"})
PAUSE = 0.25  # seconds between two looks at a job over the web API, as the page does it
PATIENCE = 1_800.0  # seconds after which a selfie counts as lost


@dataclass(frozen=True, slots=True)
class Trip:
    """One selfie: seconds until its answer, and whether that was a picture; None when none came."""

    seconds: float
    painted: bool | None


class Crowd(Protocol):
    async def selfie(self, person: int) -> Trip:
        """Person number `person` sends one and waits for its answer. One at a time per person."""

    def doubles(self) -> int:
        """Answers beyond one for each selfie."""


class TelegramCrowd:
    """Everybody writes to the bot in private. Photos go as files, whose bytes the server leaves as they are."""

    def __init__(self, telegram: FakeTelegram, photo: bytes) -> None:
        self._telegram = telegram
        self._photo = photo
        self._chats: dict[int, Chat] = {}
        self._awaited: dict[int, asyncio.Future[bool]] = {}

    async def selfie(self, person: int) -> Trip:
        if person not in self._chats:
            self._chats[person] = self._telegram.private_chat(self._telegram.user(f"Person {person}"))
        chat = self._chats[person]
        answer = self._awaited[chat.id] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await chat.send_document(unlike_any_other(self._photo), "selfie.jpg")
        return await _trip(answer, began)

    async def listen(self) -> None:
        """Notice answers, until cancelled. One looks for all: a thousand who look at every change would be a load."""
        calls = self._telegram.calls
        while True:
            await self._telegram.world.until(lambda: calls, PATIENCE, lambda: "a call")
            for call in calls:
                self._hear(call)
            calls.clear()  # they hold every picture

    def _hear(self, call: Call) -> None:
        answer = self._awaited.get(call.chat_id or 0)
        if call.error or answer is None or answer.done():
            return
        if call.method in ANSWERS:
            answer.set_result(True)
        elif call.method == "sendMessage" and "reply_markup" not in call.values:  # words, and no status message
            answer.set_result(False)

    def doubles(self) -> int:
        pictures = Counter(
            (chat.id, message.reply_to) for chat in self._chats.values() for message in chat.history if message.picture
        )
        return sum(count - 1 for count in pictures.values())


class WebCrowd:
    """Everybody drops a photo on the page, which asks where it stands until it can show the picture."""

    def __init__(self, session: aiohttp.ClientSession, address: str, photo: bytes) -> None:
        self._session = session
        self._address = address
        self._photo = photo
        self._pictures: Counter[str] = Counter()

    async def selfie(self, person: int) -> Trip:
        began = time.perf_counter()
        return await _trip(asyncio.ensure_future(self._painted()), began)

    def doubles(self) -> int:
        return sum(count - 1 for count in self._pictures.values())

    async def _painted(self) -> bool:
        form = aiohttp.FormData()
        form.add_field("photo", unlike_any_other(self._photo), filename="selfie.jpg")
        async with self._session.post(f"{self._address}/api/selfies", data=form) as answer:
            if answer.status != 202:
                return False
            job = await answer.json()
        path = job["links"]["self"]
        while True:
            wait = min(10.0, max(3.0, (job["eta"] or 0.0) / 3))  # see `patience` in the page's app.js
            async with self._session.get(f"{self._address}{path}?wait={wait:g}") as answer:
                job = await answer.json()
            if job["state"] in {"failed", "expired", "cancelled"}:
                return False
            if job["pictures"]:
                break
            await asyncio.sleep(PAUSE)
        for picture in job["pictures"]:
            async with self._session.get(f"{self._address}{picture['url']}") as answer:
                answer.raise_for_status()
                await answer.read()
            self._pictures[picture["url"]] += 1
        return True


async def steadily(crowd: Crowd, people: int, seconds: float) -> list[Trip]:
    """So many people at once, each sending the next selfie when the answer to the last is there."""
    end = time.perf_counter() + seconds

    async def one(person: int) -> list[Trip]:
        trips = []
        while time.perf_counter() < end:
            trips.append(await crowd.selfie(person))
        return trips

    return list(itertools.chain(*await asyncio.gather(*(one(person) for person in range(people)))))


async def spike(crowd: Crowd, people: range) -> list[Trip]:
    """All of them send one at the same moment."""
    return list(await asyncio.gather(*(crowd.selfie(person) for person in people)))


async def _trip(answer: asyncio.Future[bool], began: float) -> Trip:
    try:
        painted = await asyncio.wait_for(answer, PATIENCE)
    except TimeoutError:
        return Trip(PATIENCE, None)
    return Trip(time.perf_counter() - began, painted)
