"""A real browser against a real server: Chromium through Playwright, axe, CSP violations."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

# Playwright runs an event loop in this thread; the ORM is used from the same thread, between
# its calls and never inside them.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# What a page has come to is waited for this long; a machine that runs other things is slow.
PATIENCE = 15_000
expect.set_options(timeout=PATIENCE)

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1440, "height": 900}
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without Chromium the browser tests are skipped and say so; in CI that is a failure."""
    for item in items:
        if "tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None and os.environ.get("CI") != "true":
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the session."""
    assert CHROMIUM, "CI needs Chromium: install the package chromium."
    arguments = ["--disable-gpu", "--disable-quic", "--disable-background-networking"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses its sandbox to root
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@dataclass
class Visitor:
    """A person at a browser: opens pages, and notes what the browser complains of."""

    context: BrowserContext
    address: str
    complaints: list[str] = field(default_factory=list)

    def page(self) -> Page:
        """Open a tab that notes violations of the security policy and errors of scripts."""
        page = self.context.new_page()
        if os.environ.get("SLOW_BROWSER"):
            slow_down(page)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        return page

    def _note(self, message: object) -> None:
        text = message.text
        if "Content Security Policy" in text or "Content-Security-Policy" in text:
            self.complaints.append(text)


@pytest.fixture
def visitor(browser: Browser, live_server) -> Iterator[Callable[..., Visitor]]:
    """``visitor(viewport, user)``: somebody at a browser, logged in where a user is given."""
    contexts = []

    def make(viewport: dict[str, int] = DESKTOP, user: object = None, **options: object) -> Visitor:
        context = browser.new_context(viewport=viewport, base_url=live_server.url, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        if user is not None:
            from django.test import Client

            client = Client()
            client.force_login(user)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies(
                [{"name": cookie.key, "value": cookie.value, "url": live_server.url}]
            )
        return Visitor(context, live_server.url)

    yield make
    for context in contexts:
        context.close()


@contextmanager
def next_page(page: Page) -> Iterator[None]:
    """What is done inside leads to another page; afterwards that page is there, whole.

    A click does not wait for what it leads to: whoever asks the page something at once may ask
    the one before, or one that has no element yet.
    """
    with page.expect_event("load"):
        yield


def slow_down(page: Page) -> None:
    """A bad line and an old machine: finds what does not wait (``SLOW_BROWSER=1 make test …``)."""
    session = page.context.new_cdp_session(page)
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 300, "downloadThroughput": 300_000, "uploadThroughput": -1},
    )
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})


WCAG_22_AA = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


def accessibility_faults(page: Page, rules: tuple[str, ...] = WCAG_22_AA) -> list[str]:
    """Return what axe finds on the page, one line a fault: WCAG 2.2 AA, or some rules only."""
    results = Axe().run(page, options={"runOnly": list(rules)})
    return [
        f"{violation['id']}: {violation['help']} – {node['html'][:160]}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]
