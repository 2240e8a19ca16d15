"""Every block of code of the documentation runs, against the emulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import DOCS, PAGES, README, blocks, printed, run_page

WITH_CODE = [page for page in [README, *sorted(PAGES.glob("*.md"))] if any(True for _ in blocks(page))]
OF_A_CLONE = {"contributing.md"}
"""Pages whose commands need a clone of the repository, and take minutes; the checks run them."""


def cases() -> list[object]:
    """The pages; those that start programs are slow."""
    return [pytest.param(page, id=page.stem, marks=marks(page)) for page in WITH_CODE if page.name not in OF_A_CLONE]


def marks(page: Path) -> list[pytest.MarkDecorator]:
    """A command takes a second to start, and many of them minutes on a busy machine."""
    starts_programs = any(block.language == "sh" for block in blocks(page))
    return [pytest.mark.slow, pytest.mark.timeout(240)] if starts_programs else []


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("page", cases())
async def test_the_blocks_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    """In their order, in one namespace, without a warning."""
    assert anyio_backend == "asyncio"
    await run_page(page, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("page", "title", "example"),
    [
        ("quickstart.md", "shop.py", "fastapi_shop/shop.py"),
        ("quickstart.md", "subscribe.py", "subscriptions/subscribe.py"),
        ("webhooks.md", "inbox_shop.py", "fastapi_inbox/inbox_shop.py"),
    ],
)
def test_a_page_prints_the_example_that_is_run(page: str, title: str, example: str) -> None:
    """Pages that are read without being built print their programs whole."""
    assert printed(PAGES / page, title) == (DOCS / "examples" / example).read_text()


def test_a_block_that_fails_names_its_line(tmp_path: Path) -> None:
    """The runner finds blocks with their place, and does not swallow what they raise."""
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n```python\nx = 1\n```\n\ntext\n\n```python\nassert x == 2\n```\n")
    assert [block.line for block in blocks(page)] == [3, 9]
