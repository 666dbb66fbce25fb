"""The page in a real browser, with a studio that paints nothing: what happens at which moment is the test's to say."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect
from prometheus_client import CollectorRegistry

from bots.web import WebDoor, create_app, serve
from storage import ObjectStore, State
from tests.bots.web.conftest import make_settings
from tests.bots.web.fakes import FakeStudio
from tests.browser import browse

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636060606000000005"
    "0001a5f645400000000049454e44ae426082"
)
PHOTO: dict[str, Any] = {"name": "photo.png", "mimeType": "image/png", "buffer": PNG}
MOUSE = "mouse"


@dataclass
class Visit:
    """A visitor at the page, and the studio behind it."""

    page: Page
    studio: FakeStudio
    door: WebDoor
    store: ObjectStore
    address: str
    sent: list[str] = field(default_factory=list)  # the paths of what changes something

    async def finish(self, job: str) -> None:
        """Paint it."""
        keys = (f"results/{job}/1", f"results/{job}/2")
        for key in keys:
            await self.store.put(key, PNG, "image/png")
        self.studio.change(job, state=State.DELIVERED, results=keys, found=1)
        self.door.changed(self.studio.jobs[job])

    async def choose(self, name: str = "photo.png") -> None:
        await self.page.set_input_files("#file", PHOTO | {"name": name})
        await expect(self.page.locator("#choices")).to_be_visible()

    async def paint(self, job: str = "job1") -> None:
        """Send a photo and see its picture."""
        await self.choose()
        await self.press("Paint me")
        await self.shows(job)

    async def again(self, job: str, name: str = "Again, wider") -> None:
        """Have another picture made of the one that is seen, and see it."""
        await self.press(name)
        await self.shows(job)

    async def shows(self, job: str) -> None:
        """The job is watched, painted and seen."""
        await self.page.wait_for_url(f"**#{job}")
        if not self.studio.jobs[job].results:
            await self.finish(job)
        await expect(self.page.locator(f"#pictures img[src*='results/{job}/1']")).to_be_visible()

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).locator("visible=true").click()

    def said(self, text: str) -> Locator:
        return self.page.get_by_role("alert").filter(has_text=text)

    def pictures(self) -> dict[str, int]:
        """How many objects there are of each job."""
        return {job.id: len(job.results) for job in self.studio.jobs.values()}


Visiting = Callable[..., AbstractAsyncContextManager[Visit]]


@pytest.fixture
def visiting(chromium: str, studio: FakeStudio, store: ObjectStore, door: WebDoor) -> Visiting:
    @asynccontextmanager
    async def visit(
        around: Callable[[Any], Any] = lambda app: app, path: str = "/", **how: bool
    ) -> AsyncIterator[Visit]:
        """Args:
        around: what stands between the browser and the service.
        """
        app = create_app(make_settings(), studio, store, CollectorRegistry(), door)
        async with (
            serve(around(app), make_settings(web_port=0)) as address,
            browse(chromium, address + path, **how) as page,
        ):
            visit = Visit(page, studio, door, store, address)
            page.on("request", lambda request: visit.sent.append(request.url) if request.method == "POST" else None)
            yield visit
            door.close()

    return visit


async def test_the_question_stays_with_what_it_was_asked_of(visiting: Visiting) -> None:
    async with visiting() as visit:
        page, question = visit.page, visit.page.get_by_role("dialog")
        await visit.paint("job1")
        await visit.again("job2")
        await visit.press("Delete")
        await expect(question).to_be_visible()
        await page.evaluate(
            """() => {
                const dropped = new DataTransfer();
                dropped.items.add(new File(["x"], "other.png", { type: "image/png" }));
                document.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true }));
                document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: dropped, bubbles: true }));
            }"""
        )
        await expect(page.locator("#result")).to_be_visible()
        await page.go_back()
        await visit.shows("job1")
        await expect(question).to_be_hidden()
        assert visit.pictures() == {"job1": 2, "job2": 2}
