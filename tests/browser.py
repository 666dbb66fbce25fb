"""A visitor's browser: the Chromium of this machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Page, async_playwright, expect

PATIENCE = 30_000  # ms; moments are usual, but the machine may be busy with other things
OFFLINE = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


@asynccontextmanager
async def browse(chromium: str, address: str, *, refusals: bool = False) -> AsyncIterator[Page]:
    """The page at `address`, seen by a new visitor. What the browser complains of fails the test.

    Args:
        refusals: that a request was refused is no complaint.
    """
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=OFFLINE)
        try:
            page = await browser.new_page(viewport={"width": 1000, "height": 900}, locale="en-GB")
            page.set_default_timeout(PATIENCE)
            expect.set_options(timeout=PATIENCE)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            await page.goto(address)
            yield page
        finally:
            await browser.close()
    assert [each for each in complaints if not (refusals and "Failed to load resource" in each)] == []
