"""The public API is the one in `public_api.txt`: whatever a change adds, removes or alters is said by name."""

from __future__ import annotations

import pytest

from tests.public_api import LIST, name_of, public_api

ACCEPT = "run `python -m tests.public_api`, and commit tests/public_api.txt"


def difference(frozen: list[str], found: list[str]) -> str:
    """What has changed, in words for whoever changed it; empty if nothing has."""
    gone, come = set(frozen) - set(found), set(found) - set(frozen)
    altered = {name_of(line) for line in gone} & {name_of(line) for line in come}
    marked = [(name_of(line), f"  - {line}") for line in gone] + [(name_of(line), f"  + {line}") for line in come]
    parts = {
        "Removed, which breaks users:": [(n, line) for n, line in marked if n not in altered and line[2] == "-"],
        "Altered, which may break users:": [(n, line) for n, line in marked if n in altered],
        "Added:": [(n, line) for n, line in marked if n not in altered and line[2] == "+"],
    }
    lines = [text for title, part in parts.items() if part for text in (title, *(line for _, line in sorted(part)))]
    return "\n".join([*lines, f"If that is wanted: say so in CHANGELOG.md, {ACCEPT}."]) if lines else ""


def test_the_public_api_is_frozen() -> None:
    """No public name or signature changes unnoticed."""
    if changes := difference(LIST.read_text().splitlines(), public_api()):
        pytest.fail(changes, pytrace=False)


def test_a_change_is_described_by_what_it_does_to_users() -> None:
    """Removed, altered and new names are distinguished."""
    frozen = ["class m.A()", "m.f(x: int) -> None", "m.g() -> None"]
    text = difference(frozen, ["class m.A()", "m.f(x: int, y: int) -> None", "m.h() -> None"])
    assert text.splitlines()[:7] == [
        "Removed, which breaks users:",
        "  - m.g() -> None",
        "Altered, which may break users:",
        "  + m.f(x: int, y: int) -> None",
        "  - m.f(x: int) -> None",
        "Added:",
        "  + m.h() -> None",
    ]
    assert difference(frozen, frozen) == ""
