"""The contributor guide names modules and checks that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
GUIDE = (TOP / ".github" / "CONTRIBUTING.md").read_text()
MODULES = re.findall(r"`([\w/]+\.py)`", GUIDE.partition("| What |")[2].partition("## Glossary")[0])


@pytest.mark.parametrize("module", MODULES)
def test_the_guide_names_modules_that_exist(module: str) -> None:
    """Every module of the table "What | Where" is where the guide says."""
    assert (TOP / "nexi_async" / module).is_file()


def test_the_table_names_modules() -> None:
    """The table was found and read."""
    assert len(MODULES) > 10


CHECKS = ["ruff check .", "ruff format --check .", ".venv/bin/mypy", "pytest -n auto", "--cov"]


@pytest.mark.parametrize("check", CHECKS)
def test_hooks_and_script_run_the_same_checks(check: str) -> None:
    """Each check of `.ci/run`, and the README's test command, is a local hook."""
    assert check in (TOP / ".pre-commit-config.yaml").read_text()
    assert check in (TOP / ".ci" / "run").read_text() + (TOP / "README.md").read_text()
