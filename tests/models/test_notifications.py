"""Webhooks are asked for by names that exist."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nexi_async._errors import InvalidRequest
from nexi_async._models.notifications import Notifications
from nexi_async.reference.event_names import EVENT_NAMES

TO: dict[str, Any] = {"url": "https://shop.test/hook", "authorization": "a" * 32}


def test_all_events_can_be_asked_for() -> None:
    """In the order given, each once, from any iterable."""
    asked = Notifications.to(**TO, events=iter(EVENT_NAMES))
    assert tuple(hook.event_name for hook in asked.web_hooks) == EVENT_NAMES


def test_an_unknown_event_is_refused() -> None:
    """By its place, with the name that was probably meant; nobody would ever hear of it."""
    with pytest.raises(InvalidRequest) as refusal:
        Notifications.to(**TO, events=["payment.created", "payment.chekout.completed", "payment.nonsense"])
    assert [fault.path for fault in refusal.value.faults] == ["events[1]", "events[2]"]
    assert "did you mean 'payment.checkout.completed'?" in refusal.value.faults[0].message


def test_a_newer_event_can_be_asked_for() -> None:
    """By whoever says that it is one."""
    asked = Notifications.to(**TO, events=["payment.paused"], strict=False)
    assert asked.web_hooks[0].event_name == "payment.paused"


def test_a_single_name_is_no_list() -> None:
    """It would be read as a list of its letters."""
    with pytest.raises(InvalidRequest, match=re.escape("must be a list, e.g. ['payment.created']")):
        Notifications.to(**TO, events="payment.created")
