"""A clock that is set back delays nothing."""

from __future__ import annotations

import sys
import time

import pytest

from nexi_async.webhooks._inbox_clock import InboxClock, steady_clock


def test_a_process_does_not_follow_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read once; set back by three hours, time goes on as before."""
    clock = steady_clock()
    began = clock()
    monkeypatch.setattr(time, "time", lambda: began - 10_800)
    assert began <= clock() < began + 10


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")
def test_it_goes_on_while_the_machine_is_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a process that starts afterwards would take the leases of the others for expired."""
    read, suspended = time.clock_gettime, {time.CLOCK_BOOTTIME: 0.0}
    monkeypatch.setattr(time, "clock_gettime", lambda clock: read(clock) + suspended.get(clock, 0.0))
    clock = steady_clock()
    began = clock()
    suspended[time.CLOCK_BOOTTIME] = 10_800.0
    assert began + 10_800 <= clock() < began + 10_810


def test_it_starts_with_the_wall_clock() -> None:
    """So that people can read its times."""
    assert steady_clock()() == pytest.approx(time.time(), abs=1.0)


def test_it_catches_up_with_the_one_that_is_ahead() -> None:
    """What was written by a process whose clock was ahead is not in the future; the rest is not news."""
    clock = InboxClock(lambda: 1000.0)
    assert clock.catch_up(900.0) == 1000.0
    assert clock.catch_up(11_800.0) == 11_800.0
    assert clock.now() == 11_800.0
