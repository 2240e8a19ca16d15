"""What every page must keep to: it is never wider than its window, and axe-core finds nothing."""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Frame, Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
WIDTHS = (390, 1280)
SCHEMES: tuple[Any, ...] = ("light", "dark")


def check(page: Page, frame: Frame | None = None) -> None:
    """Check a page, or a frame in it, on a phone and a desk, light and dark."""
    place = frame or page.main_frame
    place.evaluate(AXE)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found = [*too_wide(page), *violations(place)]
            assert not found, f"{width} px, {scheme}: {found}"


def too_wide(page: Page) -> list[str]:
    """What reaches beyond the right edge of any frame."""
    script = """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
        [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
            .map((each) => each.outerHTML.slice(0, 80)).slice(0, 3)"""
    return [found for frame in page.frames for found in frame.evaluate(script)]


def violations(place: Frame) -> list[str]:
    """What axe-core finds wrong, each with the elements."""
    found = place.evaluate("() => axe.run(document, { resultTypes: ['violations'], iframes: false })")["violations"]
    return [f"{each['id']}: {[node['html'][:120] for node in each['nodes']]}" for each in found]
