"""Asking before money moves in the live environment."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

import typer

from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.output import Output
from nexi_async._cli.settings import Settings
from nexi_async._errors import ConfigurationError


def confirm_live(action: str, settings: Settings, output: Output, *, yes: bool) -> None:
    """Ask whether to do it, if it is for real; without a terminal only `--yes` will do.

    Raises:
        ConfigurationError: there is nobody to ask.
        typer.Exit: the answer is no.
    """
    if yes or not settings.is_live:
        return
    if not _is_terminal():
        raise ConfigurationError([("--yes", f"is needed to {action} in the live environment without a terminal")])
    with interruptible():
        agreed = typer.confirm(f"{action[0].upper()}{action[1:]} in the LIVE environment ({settings.host})?", err=True)
    if not agreed:
        output.note("Nothing was sent.")
        raise typer.Exit(ExitStatus.NOT_SENT)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end a prompt at once; an event loop would keep it until the prompt is over."""
    if threading.current_thread() is not threading.main_thread():
        return (yield)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
