"""The exit statuses of commands that call the API, and which one an error leads to."""

from __future__ import annotations

import enum

from nexi_async._errors import ConfigurationError, InvalidRequest, NexiError, Outcome


class ExitStatus(enum.IntEnum):
    """What a script can conclude; `nexi-async batch` uses the same numbers, with 3 for a run that is not at its end."""

    OK = 0
    """It was done."""
    REJECTED = 1
    """The API or the issuer refused; nothing happened."""
    USAGE = 2
    """The command can't be carried out as it was given; nothing was sent."""
    UNKNOWN = 3
    """Money may have moved, or has moved and the response can't be read."""
    NOT_SENT = 4
    """The API could not be reached, or the user said no; nothing happened."""


def status_of(error: NexiError, *, moves_money: bool) -> ExitStatus:
    """The status for an error; a command that only reads can't leave anything unknown."""
    if isinstance(error, InvalidRequest | ConfigurationError):
        return ExitStatus.USAGE
    if error.outcome is Outcome.REJECTED:
        return ExitStatus.REJECTED
    if error.outcome is Outcome.NOT_SENT or not moves_money:
        return ExitStatus.NOT_SENT
    return ExitStatus.UNKNOWN
