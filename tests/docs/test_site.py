"""The site: it builds strictly, has every public name, and needs no other host."""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from nexi_async import reference
from tests import public_api
from tests.docs.blocks import DOCS, SCRIPTS, TOP

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

MODULES = (
    *public_api.MODULES,
    *(f"nexi_async.reference.{module.name}" for module in pkgutil.iter_modules(reference.__path__)),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as its configuration says; a link or an anchor that leads nowhere fails.

    It is built from a copy, so that several test processes can build it at the same time.
    """
    copy = tmp_path_factory.mktemp("site") / "docs"
    shutil.copytree(DOCS, copy, ignore=shutil.ignore_patterns("site", ".cache", "__pycache__"))
    command: list[str | Path] = [SCRIPTS / "zensical", "build", "--strict", "-f", copy / "mkdocs.yml"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy / "site"


def html(site: Path) -> Iterator[tuple[Path, str]]:
    """Every page of the site."""
    for page in sorted(site.rglob("*.html")):
        yield page, page.read_text()


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    """Whatever an `__all__` names has an entry that can be linked to."""
    anchors = {anchor for _, text in html(site) for anchor in re.findall(r'id="(nexi_async[^"]*)"', text)}
    names = {
        f"{module}.{name}" for module in MODULES for name in getattr(importlib.import_module(module), "__all__", ())
    }
    assert names - anchors == set()


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    """Pictures, styles, scripts and the search index are part of the site."""
    for page, text in html(site):
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]* src="([^"]+)"', text)
        loaded += re.findall(r'<link[^>]*rel="(?:stylesheet|preload|preconnect|icon)"[^>]*href="([^"]+)"', text)
        loaded += re.findall(r'<link[^>]*href="([^"]+)"[^>]*rel="(?:stylesheet|preload|preconnect|icon)"', text)
        assert [url for url in loaded if url.startswith(("http:", "https:", "//"))] == [], page
    assert (site / "search.json").stat().st_size > 10_000


def test_every_page_says_what_it_is_about(site: Path) -> None:
    """No page is empty."""
    for page, text in html(site):
        assert page.name == "404.html" or len(re.sub(r"<[^>]+>|\s+", " ", text)) > 1_500, page


def test_pictures_are_small(site: Path) -> None:
    """No picture has more than 200 kB, all together at most 1 MB."""
    sizes = [file.stat().st_size for file in (site / "pictures").rglob("*") if file.is_file()]
    assert all(size <= 200_000 for size in sizes)
    assert sum(sizes) <= 1_000_000


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """The address of the site, on this machine."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no chromium")
def test_the_search_works_without_a_network(served: str) -> None:
    """A browser that can reach nothing but the site finds a page by a word in it, and asks for nothing else."""
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.route(lambda url: not url.startswith(served), lambda route: route.abort())
        page.goto(f"{served}/index.html")
        page.keyboard.press("/")
        page.get_by_role("dialog", name="Search").locator("input").first.fill("dunning")
        expect(page.get_by_role("option", name="Dunning").first).to_be_visible(timeout=30_000)
        browser.close()
    assert [url for url in asked if not url.startswith((served, "data:", "blob:"))] == []
