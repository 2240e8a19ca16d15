"""The code that the documentation prints, and how it is run.

The blocks of a page run in their order, in one namespace and one folder, beside an emulator. What a block is, its fence
says:

    ```python                    runs, with `await` at its top level; `emulator` and the page's path, `PAGE`, are there
    ```python title="shop.py"    is written to that file, and is imported
    ```python title="test_x.py"  is written to that file; tests of its own run it
    ```sh                        runs in a shell
    ```console                   does not run: it installs something, or serves until it is stopped
    <!-- python                  runs, and readers do not see it: what the blocks around it need
"""

from __future__ import annotations

import ast
import importlib
import inspect
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import CodeType
from unittest.mock import patch

import anyio
import attrs
import pytest

from nexi_async.emulator import CheckoutEmulator
from nexi_async.emulator._server import serve

TOP = Path(__file__).parent.parent.parent
DOCS = TOP / "nexi_async" / "docs"
PAGES = DOCS / "pages"
README = TOP / "README.md"
SCRIPTS = Path(sys.executable).parent

_FENCE = re.compile(
    r"^(?:```|<!-- )(?P<language>python|sh|console)(?: title=\"(?P<title>[^\"]+)\")?[^\n]*\n"
    r"(?P<code>.*?)^(?:```|-->)$",
    re.MULTILINE | re.DOTALL,
)
_SNIPPET = re.compile(r'^--8<-- "([^"]+)"$', re.MULTILINE)


@attrs.frozen
class Block:
    """One block of code of a page."""

    page: Path
    line: int
    language: str
    title: str | None
    code: str

    @property
    def is_test(self) -> bool:
        """Whether pytest is to run it."""
        return bool(self.title) and str(self.title).startswith("test_")


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in their order."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("code"))
        yield Block(page, line, found["language"], found["title"], _with_snippets(found["code"]))


def _with_snippets(code: str) -> str:
    return _SNIPPET.sub(lambda found: (DOCS / found[1]).read_text().rstrip("\n"), code)


def printed(page: Path, title: str) -> str:
    """The code that a page prints under a title."""
    (code,) = (block.code for block in blocks(page) if block.title == title)
    return code


async def run_page(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the blocks of a page in a folder, beside an emulator on a port of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PATH", f"{SCRIPTS}:{os.environ['PATH']}")
    with undone():
        async with CheckoutEmulator(seed=1) as emulator, anyio.create_task_group() as group:
            listening = await group.start(partial(serve, emulator, port=0))
            monkeypatch.setenv("NEXI_BASE_URL", listening.url)
            monkeypatch.setenv("NEXI_SECRET_KEY", emulator.secret_key)
            await _run_blocks(page, emulator, listening.url)
            group.cancel_scope.cancel()


async def _run_blocks(page: Path, emulator: CheckoutEmulator, url: str) -> None:
    namespace: dict[str, object] = {"__name__": "page", "PAGE": page, "emulator": emulator}
    for block in blocks(page):
        await _run(attrs.evolve(block, code=block.code.replace("http://127.0.0.1:8400", url)), namespace)


@contextmanager
def undone() -> Iterator[None]:
    """Takes back what a page puts into the environment, and how it sets up logging."""
    root, ours = logging.getLogger(), logging.getLogger("nexi_async")
    levels, handlers = (root.level, ours.level), root.handlers[:]
    try:
        with patch.dict(os.environ):
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


async def _run(block: Block, namespace: dict[str, object]) -> None:
    if block.language == "console":
        return
    if block.language == "sh":
        await _run_in_shell(block)
    elif block.title is not None:
        _write_file(block)
    else:
        await _run_python(block, namespace)


async def _run_in_shell(block: Block) -> None:
    done = await anyio.run_process(["bash", "-euo", "pipefail", "-c", block.code], check=False)
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, f"{block.page.name}, line {block.line}: status {done.returncode}\n{text}"


def _write_file(block: Block) -> None:
    title = Path(str(block.title))
    title.write_text(block.code)
    if title.suffix == ".py" and not block.is_test:
        sys.modules.pop(title.stem, None)
        importlib.invalidate_caches()
        importlib.import_module(title.stem)


async def _run_python(block: Block, namespace: dict[str, object]) -> None:
    """Run a block so that a traceback names its page and line."""
    found = eval(_compiled(block), namespace)
    if inspect.isawaitable(found):
        await found


def _compiled(block: Block) -> CodeType:
    code: CodeType = compile(
        "\n" * block.line + block.code, str(block.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    return code
