"""The page in a real browser, with the real service behind it: what a visitor clicks is what happens."""

import io
import os
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import astuple
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Page, async_playwright, expect

from inference.options import Direction, Options
from tests.service import ROOT, Service

ASTRONAUT = ROOT / "docs" / "astronaut.png"
PATIENCE = 150_000  # ms; a few seconds are usual, but the machine may be busy with other things
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OFFLINE = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


@pytest.fixture
def chromium() -> str:
    if CHROMIUM is None:
        assert "CI" not in os.environ, "CI has no Chromium: .ci/run installs it"
        pytest.skip("no Chromium or Chrome on this machine")
    return CHROMIUM


@asynccontextmanager
async def visit(chromium: str, folder: Path) -> AsyncIterator[Page]:
    """The page of a new service, seen by a new visitor. What the browser complains of fails the test."""
    complaints: list[str] = []
    async with Service(folder, MODEL_BACKEND="tensorflow") as service, async_playwright() as playwright:
        await service.said("Page and API")
        browser = await playwright.chromium.launch(executable_path=chromium, args=OFFLINE)
        try:
            page = await browser.new_page(viewport={"width": 1000, "height": 900}, locale="en-GB")
            page.set_default_timeout(30_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            await page.goto(service.address)
            yield page
        finally:
            await browser.close()
    assert complaints == []


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
