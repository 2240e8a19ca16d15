"""Names of events are distinguished from misspelt ones."""

from __future__ import annotations

import pytest

from nexi_async.reference.event_names import EVENT_NAMES, fault_of_event_name


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_a_known_name_is_no_fault(name: str) -> None:
    """All 15 are fine."""
    assert fault_of_event_name(name) is None


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("payment.chekout.completed", "payment.checkout.completed"),
        ("payment.charge.created.v3", "payment.charge.created.v2"),
        ("Payment.Created", "payment.created"),
        (" payment.refund.failed", "payment.refund.failed"),
        ("checkout.completed", "payment.checkout.completed"),
    ],
)
def test_a_misspelt_name_is_mended(name: str, nearest: str) -> None:
    """The nearest right one is in the message, and how to use a newer one."""
    fault = fault_of_event_name(name)
    assert fault is not None
    assert f"no event is called {name!r}, did you mean {nearest!r}?" in fault
    assert "strict=False" in fault


class Created:
    name = "payment.charge.created"


def test_what_is_no_text_is_no_name() -> None:
    """A class of events is found by its name."""
    assert fault_of_event_name(7) == "must be the name of an event, e.g. 'payment.created'"
    assert fault_of_event_name(Created) == "must be the name of an event, e.g. 'payment.charge.created'"


def test_nonsense_is_like_nothing() -> None:
    """Then all names are listed."""
    fault = fault_of_event_name("x")
    assert fault is not None
    assert all(name in fault for name in EVENT_NAMES)
