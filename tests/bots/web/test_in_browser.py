"""The page in a real browser, with a studio that paints nothing: what happens at which moment is the test's to say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Dialog, Locator, Page, Route, expect
from prometheus_client import CollectorRegistry

from bots.requests import Refused
from bots.web import WebDoor, create_app, serve
from storage import ObjectStore, State
from tests.bots.web.conftest import make_settings
from tests.bots.web.fakes import FakeStudio
from tests.browser import PATIENCE, browse

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636060606000000005"
    "0001a5f645400000000049454e44ae426082"
)
PHOTO: dict[str, Any] = {"name": "photo.png", "mimeType": "image/png", "buffer": PNG}


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


class Turnstile:
    """Between the browser and the service: photos wait here, sent in full, until somebody lets them through."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.open = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/api/selfies":
            await self.open.wait()
        await self._app(scope, receive, send)


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


async def test_nothing_is_kept_of_a_photo_that_is_taken_in_when_nobody_waits_for_it_any_more(
    visiting: Visiting,
) -> None:
    gate: list[Turnstile] = []

    def around(app: Any) -> Turnstile:
        gate.append(Turnstile(app))
        return gate[0]

    async with visiting(around, refusals=True) as visit:
        page, studio, turnstile = visit.page, visit.studio, gate[0]
        asked = 0

        async def troubled(route: Route) -> None:
            nonlocal asked
            asked += 1
            await (route.fulfill(status=503, json={"code": "unexpected"}) if asked == 1 else route.continue_())

        async def send() -> None:
            turnstile.open.clear()
            await visit.choose()
            await visit.press("Paint me")
            await expect(page.locator("#status")).to_have_text("Sending your photo: 100 %")

        async def forget() -> None:
            await visit.press("Delete everything of mine")
            await visit.press("Yes, delete everything")

        async def let_through(job: str, begin: Callable[[], Any] = turnstile.open.set) -> None:
            async with page.expect_response(lambda answer: answer.url.endswith("/delete") and answer.ok):
                if waiting := begin():
                    await waiting
            assert (studio.jobs[job].state, studio.jobs[job].stored_inputs) == (State.CANCELLED, ())

        await page.route("**/delete", troubled)
        await send()
        await forget()
        await expect(visit.said("Done. Deleted: 0 photos, 0 picture files.")).to_be_visible()
        await let_through("job1")
        await expect(page.locator("#start")).to_be_visible()
        assert asked == 2

        await visit.paint("job2")
        await visit.again("job3")
        await send()
        await page.go_back()
        await visit.shows("job2")
        await let_through("job4")
        await visit.shows("job2")

        async def late(route: Route) -> None:
            answer = await route.fetch()
            turnstile.open.set()
            await page.wait_for_url("**#job1")
            await route.fulfill(response=answer)

        await page.route("**/forgetme", late)
        await send()
        await let_through("job1", forget)


def in_turn(*answers: Callable[[Route], Awaitable[None]]) -> Callable[[Route], Awaitable[None]]:
    """For `Page.route`: the first requests meet these, the others the service.

    A route that ends by itself (`times`) may let the request through that the next one is there for: the browser is
    told of either without waiting for the other.
    """
    left = iter(answers)

    async def answer(route: Route) -> None:
        await next(left, Route.continue_)(route)

    return answer


async def test_what_fails_to_be_painted_again_leads_back(visiting: Visiting) -> None:
    async with visiting(refusals=True) as visit:
        page, studio = visit.page, visit.studio
        again = page.locator("#result [data-variant]").locator("visible=true")
        await visit.paint("job1")
        await expect(again).to_have_count(2)

        async def lost(route: Route) -> None:
            await route.fetch()  # taken in
            await route.abort()

        await page.route("**/again?*", in_turn(lost))
        await visit.press("Again, wider")
        await expect(visit.said("No connection at the moment. Please try again.")).to_be_visible()
        await visit.shows("job1")
        assert list(studio.jobs) == ["job1", "job2"]
        await visit.again("job2")
        assert list(studio.jobs) == ["job1", "job2"]

        await page.go_back()
        await visit.shows("job1")
        await visit.again("job3")  # which was answered, and is another wish now
        studio.refusal = Refused("photo_gone", "its hour is over")
        await visit.press("Again, closer")
        await expect(visit.said("Your photo is deleted already")).to_be_visible()
        await visit.shows("job3")
        await expect(again).to_have_count(0)


async def test_what_becomes_of_a_deletion_is_said_in_any_case(visiting: Visiting) -> None:
    async with visiting(refusals=True) as visit:
        page, question = visit.page, visit.page.get_by_role("dialog")
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def hotspot(route: Route) -> None:
            await route.fulfill(status=200, content_type="text/html", body="<h1>Log in</h1>")

        async def slowly_refused(route: Route) -> None:
            begun.set()
            await go_on.wait()
            await route.fulfill(status=503, json={"code": "unexpected", "detail": "Not now."})

        await page.route("**/api/selfies/*?wait=*", in_turn(hotspot))
        await page.route("**/delete", in_turn(hotspot, slowly_refused))
        await visit.paint("job1")
        await visit.again("job2")

        await page.locator("#result [data-act=delete]").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await expect(question.get_by_role("alert")).to_have_text("No connection at the moment. Please try again.")
        await expect(question.get_by_role("button", name="Yes, delete")).to_be_focused()

        await page.keyboard.press("Enter")
        await asyncio.wait_for(begun.wait(), PATIENCE / 1000)
        await page.keyboard.press("Escape")
        await expect(question).to_be_visible()
        await page.go_back()
        await visit.shows("job1")
        await expect(question).to_be_hidden()
        go_on.set()
        await expect(visit.said("Not now.")).to_be_visible()

        await page.locator("#result [data-act=delete]").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await expect(visit.said("Done. Deleted: 1 photo, 2 picture files.")).to_be_visible()
        await expect(page.locator("#file")).to_be_focused()


def without_cookies(app: Any) -> Callable[..., Any]:
    async def forgetful(scope: Any, receive: Any, send: Any) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
        await app(scope | {"headers": headers}, receive, send)

    return forgetful


async def test_all_that_is_promised_works_without_cookies_too(visiting: Visiting) -> None:
    async with visiting(without_cookies, refusals=True) as visit:
        page, studio = visit.page, visit.studio
        await visit.choose()
        await visit.press("Paint me")
        await page.wait_for_url("**#job1")
        await visit.press("Cancel")
        await expect(page.locator("#choices")).to_be_visible()
        assert studio.jobs["job1"].state is State.CANCELLED

        await visit.press("Paint me")
        await visit.shows("job2")
        await visit.press("Delete everything of mine")
        await visit.press("Yes, delete everything")
        await expect(visit.said("This browser is not known here, so nothing was deleted.")).to_be_visible()
        await visit.shows("job2")
        await visit.press("Delete")
        await visit.press("Yes, delete")
        await expect(visit.said("Done. Deleted: 1 photo, 2 picture files.")).to_be_visible()

        await page.get_by_role("link", name="Deutsch").click()
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        await visit.choose()
        await page.locator("#choices [type=submit]").click()
        await visit.shows("job3")
        assert studio.requests[-1].language == "de"
        await page.reload()
        await expect(page.locator("html")).to_have_attribute("lang", "de")


async def test_a_photo_that_is_not_sent_yet_is_neither_lost_nor_taken_for_another(visiting: Visiting) -> None:
    async with visiting() as visit:
        page, questions = visit.page, list[str]()

        async def stay(question: Dialog) -> None:
            questions.append(question.type)
            await question.dismiss()

        page.on("dialog", stay)
        adjust = page.get_by_role("button", name="Change the choices").locator("visible=true")
        await visit.paint("job1")
        await visit.again("job2")
        await expect(adjust).to_be_visible()
        await visit.choose("other.png")
        await page.go_back()
        await visit.shows("job1")
        await expect(adjust).to_be_hidden()
        await page.go_forward()
        await expect(page.locator("#choices")).to_be_visible()
        assert await page.locator("#file-name").text_content() == "other.png"
        await page.get_by_role("link", name="Deutsch").click()
        await expect(page.locator("#choices")).to_be_visible()
        assert questions == ["beforeunload"]

        await visit.press("Paint me")
        await visit.shows("job3")
        await expect(adjust).to_be_visible()
        await visit.again("job4")
        await expect(adjust).to_be_visible()
        await page.get_by_role("link", name="Deutsch").click()
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        assert questions == ["beforeunload"]
