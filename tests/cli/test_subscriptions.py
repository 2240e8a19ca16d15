"""`nexi-async subscriptions`."""

from __future__ import annotations

import pytest

from nexi_async.emulator import InjectedFault
from tests.cli.conftest import CommandLine

KEY = "october-4711"


@pytest.mark.parametrize(("kind", "flag"), [("scheduled", ()), ("unscheduled", ("--unscheduled",))])
def test_a_subscription_is_shown_charged_and_followed(line: CommandLine, kind: str, flag: tuple[str, ...]) -> None:
    """By the key that the charge was sent with; of either kind."""
    (found,) = line.emulator.sign_up(1, kind="scheduled" if kind == "scheduled" else "unscheduled")
    assert "Visa 426827******4847" in line.run("subscriptions", "get", found, *flag).stdout
    assert "expiryDate" not in line.json("subscriptions", "get", found, *flag)["paymentDetails"]["cardDetails"]
    charged = line.json("subscriptions", "charge", found, "99,00 SEK", "--tax-rate", "25", *KEYED, *flag)
    status = line.json("subscriptions", "status", found, KEY, *flag)
    assert status == {"paymentId": charged["paymentId"], "chargeId": charged["chargeId"], "completed": True}
    payment = line.json("payments", "get", charged["paymentId"])
    assert payment["summary"]["chargedAmount"] == 9900


KEYED = ("--idempotency-key", KEY)


def test_personal_data_is_shown_on_request(line: CommandLine) -> None:
    """The expiry date of the card."""
    (found,) = line.emulator.sign_up(1)
    assert "card expires" in line.run("subscriptions", "get", found, "--personal-data").stdout
    assert "card expires" not in line.run("subscriptions", "get", found).stdout


def test_a_decline_has_status_1(line: CommandLine) -> None:
    """The magic amount 1.51 is declined; nothing happened."""
    (found,) = line.emulator.sign_up(1)
    result = line.run("subscriptions", "charge", found, "1.51 SEK")
    assert (result.exit_code, result.stdout) == (1, "")


def test_an_unknown_outcome_has_status_3_and_two_ways_out(line: CommandLine) -> None:
    """Looking it up, and sending it again with the same key."""
    (found,) = line.emulator.sign_up(1)
    line.emulator.set_faults([InjectedFault(method="POST", fault="lose_response")])
    result = line.run("subscriptions", "charge", found, "99 SEK", *KEYED)
    assert result.exit_code == 3
    assert f"To find out: nexi-async subscriptions status {found} {KEY}" in result.stderr
    assert f"To charge, once at most: nexi-async subscriptions charge {found} '99 SEK'" in result.stderr
    assert line.run("subscriptions", "status", found, KEY).exit_code == 0


def test_a_key_that_is_not_known_has_status_1(line: CommandLine) -> None:
    """Nothing was charged with it."""
    (found,) = line.emulator.sign_up(1)
    assert line.run("subscriptions", "status", found, "another").exit_code == 1
