"""What can't be used is told in a line on standard error, with status 2, and without a traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

from nexi_async._errors import NexiError
from nexi_async.webhooks import InvalidEvent

__all__ = ["UNUSABLE", "telling_faults"]

UNUSABLE = 2

_OF_OTHERS = ("sqlalchemy", "httpx")
"""Whose errors say that a database or a server can't be used."""


@contextlib.contextmanager
def telling_faults() -> Iterator[None]:
    """Tell what can't be used, each fault on its line, and leave with status 2."""
    try:
        yield
    except (NexiError, InvalidEvent) as error:
        _leave(*getattr(error, "faults", [error]))
    except ModuleNotFoundError as missing:
        if missing.name is not None:  # else it was raised on purpose, with the command that installs it
            raise
        _leave(missing)
    except OSError as error:
        _leave(f"{error.filename} can't be used: {error.strerror}" if error.filename else error.strerror or error)
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _OF_OTHERS:
            raise
        _leave(str(getattr(error, "orig", None) or error).strip() or type(error).__name__)


def _leave(*lines: object) -> None:
    for line in lines:
        typer.echo(str(line), err=True)
    raise typer.Exit(UNUSABLE)
