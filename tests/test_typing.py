"""A user's program under the strictest settings of pyright; mypy checks the same files with everything else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent / "typing" / "pyrightconfig.json"


@pytest.mark.slow
def test_pyright_finds_every_mistake_and_nothing_else() -> None:
    """Misspelt events, unknown currencies, calls that are not awaited, amounts that are no whole numbers."""
    command = [sys.executable, "-m", "basedpyright", "-p", str(PROJECT), "--pythonpath", sys.executable, "--outputjson"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
    report = json.loads(result.stdout)
    assert report["summary"]["filesAnalyzed"] == len(json.loads(PROJECT.read_text())["include"])
    assert [
        f"{each['file']}:{each['range']['start']['line'] + 1} {each['message']}"
        for each in (report["generalDiagnostics"])
    ] == []
