"""A real Chromium, the emulator on a socket of its own, and a shop on another.

Playwright's synchronous API occupies the thread that it was started in with an event loop, in which no other test could
run one. So the browser has a thread of its own, and the tests of this folder run there.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from nexi_async.emulator import CheckoutEmulator
from nexi_async.emulator._server import Listening, serve_app
from tests.browser.shop import Shop

T = TypeVar("T")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LONGEST_WAIT = 15_000
"""Milliseconds until the browser gives up on an element or a page, on a busy machine too."""

_THREAD = pytest.StashKey[ThreadPoolExecutor]()


def find_chromium() -> str | None:
    """The browser to drive: what CHROMIUM names, else the first that is installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@pytest.fixture(scope="session")
def browser_thread(request: pytest.FixtureRequest) -> Iterator[ThreadPoolExecutor]:
    """The thread that the browser is driven from."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="browser") as thread:
        request.config.stash[_THREAD] = thread
        yield thread


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that drives the browser in the browser's thread."""
    if "browser_thread" not in pyfuncitem.fixturenames:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    in_thread(pyfuncitem.config.stash[_THREAD], partial(pyfuncitem.obj, **arguments))
    return True


def in_thread(thread: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    """The result of a call in a thread."""
    return thread.submit(call).result()


@pytest.fixture(scope="session")
def browser(browser_thread: ThreadPoolExecutor) -> Iterator[Browser]:
    """One Chromium for all tests; each gets a context of its own, which shares nothing with others."""
    path = find_chromium()
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(CHROMIUM_NAMES)} is on PATH, and CHROMIUM names none")
    assert Path(path).exists(), f"CHROMIUM names {path}, which is not there"

    expect.set_options(timeout=LONGEST_WAIT)

    def start() -> tuple[Playwright, Browser]:
        playwright = sync_playwright().start()
        return playwright, playwright.chromium.launch(executable_path=path, args=ARGUMENTS)

    def stop() -> None:
        browser.close()
        playwright.stop()

    playwright, browser = in_thread(browser_thread, start)
    yield browser
    in_thread(browser_thread, stop)


@pytest.fixture
def new_context(browser: Browser, browser_thread: ThreadPoolExecutor) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browser contexts, e.g. `new_context(color_scheme="dark")`; closed after the test."""
    contexts: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        context.set_default_timeout(LONGEST_WAIT)
        contexts.append(context)
        return context

    def close() -> None:
        for context in contexts:
            context.close()

    yield make
    in_thread(browser_thread, close)


@pytest.fixture
def page(new_context: Callable[..., BrowserContext], browser_thread: ThreadPoolExecutor) -> Page:
    """A tab of a desktop browser."""
    return in_thread(browser_thread, lambda: new_context().new_page())


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """The event loop that the servers run on, in a thread of its own."""
    with start_blocking_portal("asyncio") as portal:
        yield portal


@pytest.fixture(scope="session")
def served(portal: BlockingPortal) -> Iterator[tuple[CheckoutEmulator, Shop]]:
    """An emulator and a shop, each on a port of its own."""
    emulator = CheckoutEmulator()
    emulator_task, listening = portal.start_task(serve_app, emulator)
    assert isinstance(listening, Listening)
    headers = {"Authorization": emulator.secret_key}

    def emitted() -> list[str]:
        return [event["event"] for event in portal.call(emulator.state)["events"]]

    with httpx.Client(base_url=listening.url, headers=headers, trust_env=False) as api:
        shop = Shop(listening.url, api, emitted)
        shop_task, shop_listening = portal.start_task(serve_app, shop.app())
        shop.url = shop_listening.url
        yield emulator, shop
        shop_task.cancel()
    emulator_task.cancel()


@pytest.fixture
def emulator(served: tuple[CheckoutEmulator, Shop], portal: BlockingPortal) -> Iterator[CheckoutEmulator]:
    """The emulator without any payments; it belongs to its event loop, so call it by way of `portal.call`."""
    yield served[0]
    with suppress(TimeoutError):  # so that the shop of the next test is sent nothing of this one's
        portal.call(served[0].wait_delivered, 5.0)
    portal.call(served[0].reset)


@pytest.fixture
def shop(served: tuple[CheckoutEmulator, Shop], emulator: CheckoutEmulator) -> Shop:
    """A shop that was sent nothing yet."""
    del emulator  # reset after the test
    served[1].clear()
    return served[1]
