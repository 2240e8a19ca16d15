"""Secrets come from the environment, a file or a prompt: every user of a machine can read its command lines."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from nexi_async._errors import ConfigurationError

IN_THE_OPEN = (
    "The password in {option} can be read by every user of this machine: put the URL into {variable}, or leave the "
    "password to PGPASSWORD or ~/.pgpass."
)


def read_key_file(file: Path, *, setting: str) -> str:
    """The key that a file holds.

    Raises:
        ConfigurationError: the file can't be read; names the setting that names the file.
    """
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([(setting, f"can't be read: {type(error).__name__}")]) from None


def prompt_for_key() -> str | None:
    """The key as typed at a terminal, unseen; None if there is no terminal."""
    if not sys.stdin.isatty():
        return None
    answer: str = typer.prompt("Secret key", hide_input=True, err=True)
    return answer


def without_password(context: typer.Context, parameter: typer.CallbackParam, url: str | None) -> str | None:
    """Warn of a database URL with a password on the command line."""
    source = context.get_parameter_source(parameter.name or "")
    if (
        source is not None
        and source.name == "COMMANDLINE"
        and url is not None
        and ":" in url.partition("://")[2].rpartition("@")[0]
    ):
        typer.echo(IN_THE_OPEN.format(option=parameter.opts[0], variable=parameter.envvar), err=True)
    return url
