"""The console in a real browser: the service as its users run it, and a page that forgives nothing."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)

from tests.support.service import MockModelProcess, ServiceProcess

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 390, "height": 844}

DEADLINE_MS = 20_000
"""What a busy machine may take for anything; a test that promises a time measures it."""

expect.set_options(timeout=DEADLINE_MS)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Of one module: while it is started a loop of its own runs in this thread, beside which no other test's can."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium: nothing is downloaded for the tests."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    # A machine that builds often has no user but root, whom Chromium's own sandbox does not let in.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=[*flags, "--disable-dev-shm-usage"])
    yield started
    started.close()


@pytest.fixture
def model(tmp_path: Path) -> Iterator[MockModelProcess]:
    """A model's server that answers after 20 ms; a test scripts it through ``/mock/script``."""
    with MockModelProcess(tmp_path / "model", "--latency-ms", "20") as started:
        yield started


@pytest.fixture
def service(tmp_path: Path, model: MockModelProcess) -> Iterator[ServiceProcess]:
    """``swarmd serve`` with ``mock``, the model of that server, beside the built-in one; calls to it have a price."""
    with ServiceProcess(tmp_path / "service", *model.as_provider()) as started:
        with started.client() as client:
            client.put("/v1/prices", json={"mock": {"input_per_mtok": 5.0, "output_per_mtok": 20.0}}).raise_for_status()
        yield started


@pytest.fixture
def api(service: ServiceProcess) -> Iterator[httpx2.Client]:
    with service.client() as client:
        yield client


class Complaints:
    """What a page must not do: every line of it fails the test, unless the test says that it expects such lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, pattern: str) -> None:
        """Let complaints through that ``pattern`` occurs in, such as the browser's own about a 404."""
        self._expected.append(re.compile(pattern))

    @property
    def unexpected(self) -> list[str]:
        return [line for line in self.lines if not any(pattern.search(line) for pattern in self._expected)]

    def watch(self, page: Page, origin: str | None = None) -> None:
        """Note console errors (violations of the CSP among them), uncaught errors and requests to other origins."""

        def on_console(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                self.lines.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

        def on_request(request: Request) -> None:
            asked = urlsplit(request.url)
            if asked.scheme in {"blob", "data"}:
                return
            if asked.hostname != "127.0.0.1" or (origin is not None and not request.url.startswith(origin)):
                self.lines.append(f"foreign request: {request.url}")

        page.on("console", on_console)
        page.on("pageerror", lambda error: self.lines.append(f"uncaught: {error.stack or error}"))
        page.on("request", on_request)


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    found = Complaints()
    yield found
    assert found.unexpected == []


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, complaints: Complaints) -> Iterator[OpenPage]:
    """Open a page: ``open_page(service.url, theme="dark", viewport=NARROW)``; relative URLs are below the first."""
    with ExitStack() as stack:

        def opened(
            url: str, *, theme: str = "light", viewport: dict[str, int] | None = None, **options: object
        ) -> Page:
            context: BrowserContext = browser.new_context(
                base_url=url,
                color_scheme="dark" if theme == "dark" else "light",
                viewport=viewport or WIDE,  # type: ignore[arg-type]
                **options,  # type: ignore[arg-type]
            )
            stack.callback(context.close)
            page = context.new_page()
            complaints.watch(page, url)
            page.set_default_timeout(DEADLINE_MS)
            return page

        yield opened


@pytest.fixture
def page(service: ServiceProcess, open_page: OpenPage) -> Page:
    """A page of ``service``, 1280 pixels wide in the light theme, not yet gone anywhere."""
    return open_page(service.url)


def until(page: Page, expression: str, *, deadline_s: float = DEADLINE_MS / 1000) -> None:
    """Wait for an expression of the page to be true; ``wait_for_function`` is what the console's CSP forbids."""
    give_up_at = time.monotonic() + deadline_s
    while not page.evaluate(f"Boolean({expression})"):
        assert time.monotonic() < give_up_at, f"not within {deadline_s} s: {expression}"
        page.wait_for_timeout(20)  # the page's own messages are taken meanwhile


Shoot = Callable[..., None]


@pytest.fixture
def shoot() -> Shoot:
    """Save a picture in the folder that SWARMD_SCREENSHOTS names, to be looked at: ``shoot(page, "runs-dark")``."""
    folder = os.environ.get("SWARMD_SCREENSHOTS")

    def shot(page: Page, name: str, *, full: bool = False) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=full)

    return shot
