"""The exit statuses of all commands, and which one an error of the API leads to."""

from __future__ import annotations

import enum

from nexi_async._errors import ConfigurationError, InvalidRequest, NexiError, Outcome


class ExitStatus(enum.IntEnum):
    """What a script can conclude; the same number means much the same for every command."""

    OK = 0
    """It was done."""
    REJECTED = 1
    """The API or the issuer refused; nothing happened."""
    FAILED = REJECTED
    """A check failed, or not everything is as it should be."""
    USAGE = 2
    """The command can't be carried out as it was given; nothing was sent."""
    UNKNOWN = 3
    """Money may have moved, or has moved and the response can't be read."""
    STOPPED = UNKNOWN
    """A run of `nexi-async batch` is not at its end."""
    NOT_SENT = 4
    """The API could not be reached, or the user said no; nothing happened."""
    UNAVAILABLE = NOT_SENT
    """The database could not be reached."""


def status_of(error: NexiError, *, moves_money: bool) -> ExitStatus:
    """The status for an error; a command that only reads can't leave anything unknown."""
    if isinstance(error, InvalidRequest | ConfigurationError):
        return ExitStatus.USAGE
    if error.outcome is Outcome.REJECTED:
        return ExitStatus.REJECTED
    if error.outcome is Outcome.NOT_SENT or not moves_money:
        return ExitStatus.NOT_SENT
    return ExitStatus.UNKNOWN
