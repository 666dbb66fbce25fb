"""People who send photos to a service that is killed now and then, and who look at what they got."""

import asyncio
import itertools
import re
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from tests.fakes.telegram import Chat, FakeTelegram, Message
from tests.service import Service

LOOK_EVERY = 0.05  # seconds between two looks at what another process has done
ENDED = ("delivered", "failed", "expired", "cancelled")


@dataclass(frozen=True)
class Sent:
    """A photo that somebody sent to the bot."""

    chat: Chat
    message: Message

    def answers(self, *, deleted: bool = False) -> list[Message]:
        """What the bot said to it."""
        said = self.chat.history if deleted else self.chat.answers
        return [m for m in said if m.reply_to == self.message.id]

    def pictures(self) -> list[Message]:
        """Every picture that was ever sent for it."""
        return [m for m in self.answers(deleted=True) if m.kind == "photo"]

    def offers(self) -> list[Message]:
        return [m for m in self.answers(deleted=True) if "Send again" in labels(m)]


class Crowd:
    """Sends pictures over and over, as other people each time.

    Args:
        photos: one for each that is sent; no two alike, else the second would be answered without being painted.
        people: visitors of the page; each keeps a cookie as a browser does.
        patience: seconds that anything may take.
    """

    def __init__(
        self, tg: FakeTelegram, service: Service, database: Path, photos: Iterator[bytes], people: int, patience: float
    ):
        self.sent: list[Sent] = []
        self.uploads: list[str] = []  # ids of the jobs of uploads, as the service told them
        self._tg = tg
        self._service = service
        self._database = database
        self._photos = photos
        self._patience = patience
        self._chats = itertools.cycle([tg.private_chat(tg.user(f"Person {n}")) for n in range(people)])
        self._people = people
        self._keys = itertools.count()
        self._browsers: list[httpx.AsyncClient] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for _ in range(self._people):
            self._browsers.append(await self._stack.enter_async_context(httpx.AsyncClient(timeout=self._patience)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def write(self) -> None:
        """Somebody sends the photo to the bot."""
        chat = next(self._chats)
        self.sent.append(Sent(chat, await chat.send_photo(next(self._photos))))

    async def upload(self) -> None:
        """Somebody gives the photo to the page, again while it is not there, as the page itself does."""
        number = next(self._keys)
        browser, key, photo = self._browsers[number % self._people], f"photo-{number:032}", next(self._photos)

        async def post() -> httpx.Response:
            files = {"photo": ("me.jpg", photo, "image/jpeg")}
            return await browser.post(
                f"{self._service.address}/api/selfies", files=files, headers={"Idempotency-Key": key}
            )

        answer = await self._insist(post)
        assert answer.status_code == 202, answer.text
        self.uploads.append(answer.json()["id"])

    async def states(self) -> Counter[str]:
        """How many jobs are in each state; nothing as long as the database can't be read."""
        return await asyncio.to_thread(_states, self._database)

    async def accepted(self, jobs: int) -> None:
        """Wait until so many jobs are written down."""
        await self._until(lambda states: states.total() >= jobs)

    async def ended(self, jobs: int) -> None:
        """Wait until so many jobs have come to an end."""
        await self._until(lambda states: sum(states[state] for state in ENDED) >= jobs)

    async def _until(self, enough: Callable[[Counter[str]], bool]) -> None:
        async with asyncio.timeout(self._patience):
            while not enough(states := await self.states()):
                assert not states["failed"], states
                await asyncio.sleep(LOOK_EVERY)

    async def check_uploads(self) -> None:
        """Every upload is a job of its own, with one picture."""
        assert len(set(self.uploads)) == len(self.uploads)
        for number, job_id in enumerate(self.uploads):
            browser = self._browsers[number % self._people]
            job = (await browser.get(f"{self._service.address}/api/selfies/{job_id}")).raise_for_status().json()
            assert job["state"] == "delivered", job
            (picture,) = job["pictures"]
            link = picture["url"]  # on the machine that the page was on when the link was made
            assert (await browser.get(httpx.URL(self._service.address).join(link))).is_success, picture

    async def check_answers(self) -> int:
        """Every photo sent to the bot has one picture, at the latest once its person asks for it.

        Returns:
            how many were told that their picture may not have arrived.
        """
        await self._tg.wait_confirmed(self._patience)
        asked = 0
        for sent in self.sent:
            pictures, offers = sent.pictures(), sent.offers()
            assert len(pictures) <= 1, f"{len(pictures)} pictures for one photo"
            assert pictures or offers, f"nothing but {[m.text for m in sent.answers()]}"
            asked += bool(offers)
            if not pictures:
                await (await sent.chat.press(offers[0], "Send again")).answer(self._patience)
                await sent.chat.wait_until(sent.pictures, self._patience)
        await self._tg.wait_confirmed(self._patience)
        for sent in self.sent:
            assert len(sent.pictures()) == 1
            others = [m for m in sent.answers() if m.kind != "photo" and m not in sent.offers()]
            # A kill may leave the words that say where the photo stands; the button below takes them away.
            assert all(labels(m) == ["Cancel"] for m in others), [m.text for m in others]
        return asked

    async def _insist(self, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        async with asyncio.timeout(self._patience):
            while True:
                try:
                    return await call()
                except httpx.TransportError:  # it was killed
                    await asyncio.sleep(LOOK_EVERY)


def labels(message: Message) -> list[str]:
    return [button["text"] for button in message.buttons]


def engine_of(service: Service) -> int | None:
    """The id of the engine's process that was started last; see `tests.crashing`."""
    found = re.findall(r"^started engine-\S+ (\d+)$", service.output, re.MULTILINE)
    return int(found[-1]) if found else None


def _states(database: Path) -> Counter[str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            return Counter(dict(connection.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()))
        except sqlite3.OperationalError:  # not made yet, or just being recovered
            return Counter()
