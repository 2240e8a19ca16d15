"""Usage errors: a line each on standard error, status 2, no traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

from nexi_async._cli.exit_status import ExitStatus
from nexi_async._errors import NexiError

_OF_OTHERS = ("sqlalchemy", "httpx")
"""Libraries whose errors mean that a database or a server can't be used."""


@contextlib.contextmanager
def reporting_errors() -> Iterator[None]:
    """Report what can't be used, each fault on its line, and exit with status 2."""
    try:
        yield
    except NexiError as error:
        _exit(*getattr(error, "faults", [error]))
    except ModuleNotFoundError as missing:
        if missing.name is not None:  # else it was raised on purpose, with the command that installs it
            raise
        _exit(missing)
    except OSError as error:
        _exit(f"{error.filename} can't be used: {error.strerror}" if error.filename else error.strerror or error)
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _OF_OTHERS:
            raise
        _exit(str(getattr(error, "orig", None) or error).strip() or type(error).__name__)


def _exit(*lines: object) -> None:
    for line in lines:
        typer.echo(str(line), err=True)
    raise typer.Exit(ExitStatus.USAGE)
