"""The command `nexi-async`."""

from __future__ import annotations

import sys

EXTRAS = ("typer", "rich", "platformdirs", "sqlalchemy", "uvicorn", "jinja2", "trustme")
"""What the commands need beyond the core, some of them each."""


def main() -> None:
    """Run the command line; where an extra is missing, say how to install it and leave with status 2."""
    try:
        from nexi_async._cli.app import app

        app(prog_name="nexi-async")
    except ModuleNotFoundError as missing:
        cause = missing.__cause__ if missing.name is None else missing  # raised with a text of ours it has no name
        package = (getattr(cause, "name", None) or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        sys.stderr.write(f"nexi-async needs {package} for this: pip install 'nexi-async[cli,emulator]'\n")
        sys.exit(2)
