"""Limits of time for calls that are given up, whatever the speed of the machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

Result = TypeVar("Result")
LIMITS = (0.2, 1.0, 5.0, 15.0)
"""Seconds. The first does nearly always; a machine that was busy for longer gets another try."""


async def given_up(attempt: Callable[[float], Awaitable[Result]], is_reached: Callable[[], bool]) -> Result:
    """How an attempt ended whose limit passed after it had reached a point, not before."""
    for limit in LIMITS:
        result = await attempt(limit)
        if is_reached():
            return result
    raise AssertionError("this point was never reached")
