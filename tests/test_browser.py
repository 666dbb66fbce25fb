"""The page in a real browser, with the real service behind it: what a visitor clicks is what happens."""

import asyncio
import io
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import astuple
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Page, Route, expect

from inference.options import Direction, Options
from tests.browser import browse
from tests.service import ROOT, Service

ASTRONAUT = ROOT / "docs" / "astronaut.png"
PATIENCE = 150_000  # ms; a few seconds are usual, but the machine may be busy with other things


@asynccontextmanager
async def visit(chromium: str, folder: Path, *, refusals: bool = False) -> AsyncIterator[Page]:
    """The page of a new service, seen by a new visitor."""
    async with Service(folder, MODEL_BACKEND="tensorflow") as service:
        await service.said("Page and API")
        async with browse(chromium, service.address, refusals=refusals) as page:
            yield page


def png(picture: Image.Image) -> dict[str, object]:
    """A file as a browser's file dialogue hands it over."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return {"name": "photo.png", "mimeType": "image/png", "buffer": out.getvalue()}


async def painted(page: Page, count: int = 1) -> str:
    """Wait for the result; returns the job's id."""
    result = page.locator("#result")
    await expect(result).to_be_visible(timeout=PATIENCE)
    pictures = page.locator("#pictures img")
    await expect(pictures).to_have_count(2 * count)
    for picture in await pictures.all():
        await expect(picture).to_have_js_property("complete", True)
        assert await picture.evaluate("image => image.naturalWidth") >= 100
    return page.url.partition("#")[2]


async def offered(page: Page) -> set[str]:
    """The variants under the result."""
    visible = page.locator("#result [data-variant]:not([hidden])")
    return set(await visible.evaluate_all("buttons => buttons.map((button) => button.dataset.variant)"))


async def test_a_photo_is_painted_and_again_after_the_page_was_opened_anew(chromium: str, tmp_path: Path) -> None:
    async with visit(chromium, tmp_path) as page:
        await page.set_input_files("#file", ASTRONAUT)
        await expect(page.locator("#preview")).to_be_visible()
        await page.get_by_role("button", name="Paint me").click()
        first = await painted(page)
        assert await offered(page) == {"wider", "tighter"}

        await page.get_by_role("button", name="Again, wider").click()
        await expect(page).not_to_have_url(re.compile(f"#{first}$"), timeout=PATIENCE)
        wider = await painted(page)
        assert await offered(page) == {"tighter"}

        await page.reload()  # which leaves the photo to the service alone
        assert await painted(page) == wider
        await expect(page.get_by_role("button", name="Change the choices")).to_be_hidden()
        await page.get_by_role("button", name="Again, closer").click()
        await expect(page).not_to_have_url(re.compile(f"#{wider}$"), timeout=PATIENCE)
        await painted(page)
        assert await offered(page) == {"wider", "tighter"}

        async with page.expect_download() as download:
            await page.get_by_role("link", name="Side by side").click()
        with Image.open(await (await download.value).path()) as both:
            assert both.size == (512, 256)


async def test_one_face_after_the_other(chromium: str, tmp_path: Path) -> None:
    with Image.open(ASTRONAUT) as astronaut:
        two = Image.new("RGB", (2 * astronaut.width, astronaut.height))
        two.paste(astronaut, (0, 0))
        two.paste(astronaut, (astronaut.width, 0))
    async with visit(chromium, tmp_path) as page:
        await page.set_input_files("#file", png(two))
        await page.get_by_label("The largest").check()
        await page.get_by_role("button", name="Paint me").click()
        job = await painted(page)
        await expect(page.locator("#result-title")).to_have_text("Here you are: 1 of the 2 faces I found.")
        for button, count in (("Next face", 1), ("All 2 faces", 2)):
            await page.get_by_role("button", name=button).click()
            await expect(page).not_to_have_url(re.compile(f"#{job}$"), timeout=PATIENCE)
            job = await painted(page, count)
        assert "all" not in await offered(page)


async def test_several_photos_and_one_without_a_face(chromium: str, tmp_path: Path) -> None:
    with Image.open(ASTRONAUT) as astronaut:
        photos = [astronaut.copy(), Image.new("RGB", (400, 400), (120, 130, 140)), astronaut.resize((400, 400))]
    async with visit(chromium, tmp_path) as page:
        await page.set_input_files("#file", [png(photo) for photo in photos])
        await expect(page.locator("#several")).to_have_text("3 photos")
        await expect(page.get_by_label("My own crop")).to_be_hidden()
        await page.get_by_role("button", name="Paint me").click()
        await painted(page, 2)
        await expect(page.locator("#missed")).to_contain_text("Photo 2: ")
        await page.get_by_role("button", name="Change the choices").click()
        await page.get_by_label("Whole picture").check()
        await page.get_by_role("button", name="Paint me").click()
        await painted(page, 3)
        await expect(page.locator("#missed")).to_be_empty()


async def test_a_crop_by_hand_and_the_way_back(chromium: str, tmp_path: Path) -> None:
    async with visit(chromium, tmp_path) as page:
        await page.set_input_files("#file", ASTRONAUT)
        await page.get_by_label("My own crop").check()
        await page.get_by_label("Anime to selfie").check()
        before = await page.locator("#crop-now").inner_text()
        box = await page.locator("#crop").bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] / 2 - 500, box["y"] + box["height"] / 2 - 500)
        await page.mouse.up()
        await expect(page.locator("#crop-now")).to_have_text("49 % of the picture, 0 % from the left, 0 % from the top")
        assert before != await page.locator("#crop-now").inner_text()
        await page.get_by_role("button", name="Paint me").click()
        await painted(page)
        assert await offered(page) == set()
        with closing(sqlite3.connect(tmp_path / "jobs.db")) as database:
            [(options,)] = database.execute("SELECT options FROM jobs").fetchall()
    asked = Options.from_json(options)
    assert asked.direction is Direction.REVERSE
    assert asked.region is not None
    assert astuple(asked.region) == pytest.approx((0, 0, 0.7, 0.7), abs=0.01)


async def test_no_face_no_picture_and_a_result_that_is_deleted(chromium: str, tmp_path: Path) -> None:
    async with visit(chromium, tmp_path) as page:
        await page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"not a picture"})
        await expect(page.get_by_role("alert").filter(has_text="That is not a picture.")).to_be_visible()

        await page.set_input_files("#file", png(Image.new("RGB", (400, 400), (120, 130, 140))))
        await page.get_by_role("button", name="Paint me").click()
        await expect(page.locator("#failure")).to_contain_text("face", timeout=PATIENCE)
        await page.get_by_role("button", name="Paint the whole picture").click()
        await painted(page)

        await page.goto(await page.locator("#share-link").input_value())
        await page.locator("summary", has_text="Delete").click()
        await page.get_by_role("button", name="Yes, delete").click()
        # The photo belongs to the job without a face as well.
        await expect(page.locator("main")).to_contain_text("Done. Deleted: 0 photos, 2 picture files.")


def refusing(status: int, body: dict[str, str]) -> Callable[[Route], Awaitable[None]]:
    return lambda route: route.fulfill(status=status, json=body)


async def test_a_picture_stays_until_it_is_deleted(chromium: str, tmp_path: Path) -> None:
    async with visit(chromium, tmp_path, refusals=True) as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
        looks = 0

        async def troubled(route: Route) -> None:
            nonlocal looks
            looks += 1
            await (route.fulfill(status=503, json={"code": "unexpected"}) if looks == 1 else route.continue_())

        await page.route("**/api/selfies/*?wait=*", troubled)
        await page.set_input_files("#file", ASTRONAUT)
        await page.get_by_role("button", name="Paint me").click()
        first = await painted(page)
        assert looks > 1
        assert len(sent) == 1

        await page.route(
            "**/again?*", lambda route: route.fulfill(status=429, json={"code": "c", "detail": "A break."})
        )
        await page.get_by_role("button", name="Again, wider").click()
        await expect(page.get_by_role("alert").filter(has_text="A break.")).to_be_visible()
        assert await painted(page) == first

        for detail, told in (("Fifty megapixels.", "Fifty megapixels."), ("", "Up to 20 MB work.")):
            too_large = {"code": "photo_too_large", "detail": detail}
            await page.unroute("**/again?*")
            await page.route("**/again?*", refusing(413, too_large))
            await page.get_by_role("button", name="Again, wider").click()
            await expect(page.get_by_role("alert").filter(has_text=told)).to_be_visible()

        await page.unroute("**/again?*")
        await page.get_by_role("button", name="Again, wider").click()
        await expect(page).not_to_have_url(re.compile(f"#{first}$"), timeout=PATIENCE)
        wider = await painted(page)
        await page.go_back()
        await expect(page).to_have_url(re.compile(f"#{first}$"))
        await painted(page)

        await page.get_by_role("link", name="Deutsch").click()
        await expect(page.get_by_role("button", name="Anderes Foto").last).to_be_visible()
        assert await painted(page) == first
        await page.get_by_role("link", name="English").click()
        await painted(page)

        result = page.locator("#result")
        await result.get_by_role("button", name="Delete").click()
        await page.get_by_role("button", name="No, keep it").click()
        assert await painted(page) == first
        await result.get_by_role("button", name="Delete").click()
        await page.get_by_role("button", name="Yes, delete").click()
        await expect(page.get_by_role("alert").filter(has_text="Deleted: 0 photos, 2 picture files.")).to_be_visible()
        await page.goto(f"{page.url}#{first}")
        await expect(page.locator("#failure-text")).to_contain_text("no longer here")

        await page.goto(f"{page.url.partition('#')[0]}#{wider}")
        await painted(page)
        await page.get_by_role("button", name="Delete everything of mine").click()
        await page.get_by_role("button", name="Yes, delete everything").click()
        await expect(page.get_by_role("alert").filter(has_text="Deleted: 1 photo, 2 picture files.")).to_be_visible()


async def test_cancelled_when_all_of_it_is_sent(chromium: str, tmp_path: Path) -> None:
    async with visit(chromium, tmp_path, refusals=True) as page:
        paused = asyncio.get_running_loop().create_future()
        devtools = await page.context.new_cdp_session(page)
        devtools.on("Fetch.requestPaused", lambda event: paused.set_result(event))  # Playwright wants a function
        pattern = {"urlPattern": "*/api/selfies", "requestStage": "Response"}
        await devtools.send("Fetch.enable", {"patterns": [pattern]})
        await page.set_input_files("#file", ASTRONAUT)
        await page.get_by_role("button", name="Paint me").click()
        answer = await paused  # the photo is taken in, and the page does not know yet by what name
        await page.get_by_role("button", name="Cancel").click()
        async with page.expect_request("**/cancel"):
            await devtools.send("Fetch.continueRequest", {"requestId": answer["requestId"]})
        await expect(page.locator("#work")).to_be_hidden(timeout=PATIENCE)
