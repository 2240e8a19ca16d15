"""Every command line that the documentation prints names commands and options that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexi_async._cli.app import COMMANDS, load
from tests.docs.blocks import DOCS, PAGES, README, TOP

TEXTS = [
    README,
    TOP / "CHANGELOG.md",
    *sorted((TOP / ".github").glob("*.md")),
    *sorted(PAGES.glob("*.md")),
    *sorted(path for path in (DOCS / "examples").rglob("*") if path.is_file() and path.suffix != ".pyc"),
]


def command_lines(path: Path) -> Iterator[str]:
    """What is typed after `nexi-async`: on lines of their own, and in code within a sentence."""
    text = path.read_text().replace("\\\n", " ")
    yield from re.findall(r"^(?:\.venv/bin/)?nexi-async ([a-z][^\n|#]*)", text, re.MULTILINE)
    yield from re.findall(r"`nexi-async ([a-z][^`|…]*)`", " ".join(text.split()))


LINES = [(path.name, line.strip()) for path in TEXTS for line in command_lines(path)]


@pytest.mark.parametrize(("page", "line"), LINES)
def test_commands_and_options_are_there(page: str, line: str) -> None:
    """The first words are commands, and whatever begins with dashes is an option of the last of them."""
    words = shlex.split(line)
    assert words[0] in COMMANDS, f"{page}: there is no command {words[0]!r}"
    command = load(words.pop(0))
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{page}: there is no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in words if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)}
    assert given - {"--help"} <= options, page


def test_command_lines_were_found() -> None:
    """The pattern fits what the pages print."""
    assert len(LINES) > 40
