"""What `nexi-async batch worker` shows of the libraries that it uses."""

from __future__ import annotations

import logging

import psycopg
import pytest
from procrastinate.exceptions import AppNotOpen

from nexi_async._cli.batch_worker import _is_of_interest


def left_behind(error: Exception) -> logging.LogRecord:
    """What asyncio reports of a task that failed and that nobody waits for."""
    text = "Task exception was never retrieved"
    return logging.LogRecord("asyncio", logging.ERROR, "", 0, text, None, (type(error), error, None))


@pytest.mark.parametrize(
    ("error", "is_shown"),
    [(AppNotOpen(), False), (psycopg.OperationalError("gone"), False), (KeyError("ours"), True)],
    ids=["procrastinate", "psycopg", "another"],
)
def test_an_outage_is_reported_by_its_line_alone(error: Exception, is_shown: bool) -> None:
    """Tasks that procrastinate leaves behind when its connections are lost add nothing; any other failure is shown."""
    assert _is_of_interest(left_behind(error)) is is_shown


def test_a_record_without_an_error_is_shown() -> None:
    """Such as a slow callback."""
    assert _is_of_interest(logging.LogRecord("asyncio", logging.WARNING, "", 0, "slow", None, None))
