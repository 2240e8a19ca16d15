"""`nexi-async payments`."""

from __future__ import annotations

import json
import shlex

import httpx
import pytest

from nexi_async.emulator import InjectedFault
from tests.cli.conftest import CommandLine

KEY = "october-4711"


def test_a_payment_is_created_and_shown(line: CommandLine) -> None:
    """Amounts are shown as they are typed; the shopper's data is not shown."""
    payment_id = line.reserved()
    shown = line.run("payments", "get", payment_id).stdout
    for text in (payment_id, "reserved", "125.00 SEK", "A-17", "Visa"):
        assert text in shown
    document = line.json("payments", "get", payment_id)
    assert document["status"] == "reserved"
    assert document["summary"]["reservedAmount"] == 12500
    assert document["paymentDetails"]["cardDetails"] == {"maskedPan": "426827******4847"}
    assert "consumer" not in document


def test_personal_data_is_shown_on_request(line: CommandLine) -> None:
    """The shopper, and the expiry date of the card."""
    payment_id = line.reserved()
    document = line.json("payments", "get", payment_id, "--personal-data")
    email = document["consumer"]["privatePerson"]["email"]
    assert document["paymentDetails"]["cardDetails"]["expiryDate"]
    assert email in line.run("payments", "get", payment_id, "--personal-data").stdout
    assert email not in line.run("payments", "get", payment_id).output


def test_a_payment_has_everything_that_its_options_say(line: CommandLine) -> None:
    """VAT, references, webhooks with the configured value, and the sign-up for later charges."""
    line.environment["NEXI_WEBHOOK_AUTHORIZATION"] = "Kq7ZtB9fRw4LmXc2"
    urls = ("--return-url", "https://shop.test/ok", "--terms-url", "https://shop.test/t", "--webhook-url")
    options = ("--tax-rate", "12.5", "--my-reference", "mine", "--sign-up", "unscheduled", "--charge")
    created = line.json("payments", "create", "EUR", "9,00", *urls, "https://shop.test/hooks", *options)
    line.emulator.pay(created["paymentId"])
    document = line.json("payments", "get", created["paymentId"])
    assert document["status"] == "charged"
    assert document["charges"][0]["orderItems"][0]["taxRate"] == 1250
    assert document["myReference"] == "mine"
    assert document["unscheduledSubscription"]["unscheduledSubscriptionId"]
    hooked = json.dumps(line.emulator.state())
    assert "https://shop.test/hooks" in hooked


def test_webhooks_need_their_value(line: CommandLine) -> None:
    """Which is never on the command line."""
    urls = ("--return-url", "https://shop.test/ok", "--terms-url", "https://shop.test/t", "--webhook-url")
    result = line.run("payments", "create", "9 EUR", *urls, "https://shop.test/hooks")
    assert result.exit_code == 2
    assert "needs NEXI_WEBHOOK_AUTHORIZATION" in result.stderr


def test_money_is_charged_refunded_and_released(line: CommandLine) -> None:
    """Parts with their VAT, the rest without further options."""
    payment_id = line.reserved()
    charged = line.json("payments", "charge", payment_id, "100,00", "SEK", "--tax-rate", "25")
    assert charged["chargeId"]
    refunded = line.json("payments", "refund", payment_id, "100.00 SEK")
    assert refunded["refundId"]
    line.emulator.advance(60)
    document = line.json("payments", "get", payment_id)
    assert (document["summary"]["chargedAmount"], document["summary"]["refundedAmount"]) == (10000, 10000)

    released = line.reserved()
    assert line.json("payments", "cancel", released, "125", "SEK")["cancelledAmount"] == 12500
    assert line.json("payments", "get", released)["status"] == "cancelled"

    abandoned = line.create()
    assert line.json("payments", "terminate", abandoned) == {"paymentId": abandoned, "terminated": True}


def test_the_last_part_releases_the_rest(line: CommandLine) -> None:
    """With --final nothing stays reserved."""
    payment_id = line.reserved()
    line.json("payments", "charge", payment_id, "100 SEK", "--tax-rate", "25", "--final")
    assert line.json("payments", "get", payment_id)["summary"]["cancelledAmount"] == 2500


def test_a_second_run_with_the_same_key_charges_once(line: CommandLine) -> None:
    """The key is shown before anything is sent."""
    payment_id = line.reserved()
    first, second = (
        line.run("payments", "charge", payment_id, "125 SEK", "--idempotency-key", KEY, "--json") for _ in range(2)
    )
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert f"Idempotency key: {KEY}" in first.stderr
    assert line.json("payments", "get", payment_id)["summary"]["chargedAmount"] == 12500


def test_an_unknown_outcome_shows_the_command_that_settles_it(line: CommandLine) -> None:
    """Which, run as it is shown, tells what happened and charges nothing a second time."""
    payment_id = line.reserved()
    line.emulator.set_faults([InjectedFault(method="POST", path="/v1/payments/*/charges", fault="lose_response")])
    result = line.run(
        "payments", "charge", payment_id, "100.00", "SEK", "--tax-rate", "25", "--name", "A mug", "--json"
    )
    assert result.exit_code == 3
    error = json.loads(result.stdout)["error"]
    assert error["outcome"] == "unknown"
    command = next(text for text in result.stderr.splitlines() if "it charges once: " in text).partition("once: ")[2]
    assert command.endswith(f"--idempotency-key {error['idempotencyKey']}")

    line.emulator.set_faults([])
    again = line.run(*shlex.split(command)[1:])
    assert again.exit_code == 0, again.output
    assert line.json("payments", "get", payment_id)["summary"]["chargedAmount"] == 10000


@pytest.mark.parametrize(
    ("amount", "options", "text"),
    [
        ("125.00", (), "is not an amount with its currency"),
        ("0 SEK", (), "must be more than 0"),
        ("125 EUR", (), "is in EUR, but the payment is in SEK"),
        ("1,234.50 SEK", (), "without separators of thousands"),
        ("25 SEK", (), "--tax-rate: is needed: 25.00 SEK is not the whole of 125.00 SEK"),
        ("25 SEK", ("--tax-rate", "abc"), "is not a rate in percent"),
        ("125 SEK", ("--idempotency-key", "two words"), "must be 1 to 63"),
    ],
)
def test_what_can_not_be_carried_out_sends_nothing(
    line: CommandLine, amount: str, options: tuple[str, ...], text: str
) -> None:
    """Status 2, the reason on standard error, and as JSON too if that was asked for."""
    payment_id = line.reserved()
    result = line.run("payments", "charge", payment_id, amount, *options, "--json")
    assert result.exit_code == 2
    assert text in result.stderr
    assert text in json.loads(result.stdout)["error"]["message"]
    assert line.json("payments", "get", payment_id)["status"] == "reserved"


def test_what_is_rejected_has_status_1(line: CommandLine) -> None:
    """With the API's own code and text."""
    payment_id = line.reserved()
    result = line.run("payments", "charge", payment_id, "126 SEK", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["outcome"] == "rejected"
    assert "overcharge" in result.stderr
    assert line.run("payments", "get", "0" * 32).exit_code == 1


def test_a_wrong_key_is_named_without_being_shown(line: CommandLine) -> None:
    """The environment that it was tried in is what people have got wrong."""
    line.environment["NEXI_SECRET_KEY"] = "my-own-secret"
    result = line.run("payments", "get", "0" * 32, "--json")
    assert result.exit_code == 1
    assert "Is it the secret key of the test environment (127.0.0.1)?" in result.stderr
    assert "my-own-secret" not in result.output


def test_no_key_at_all_says_where_to_put_it(line: CommandLine) -> None:
    """There is no question without a terminal."""
    line.environment["NEXI_SECRET_KEY"] = ""
    result = line.run("payments", "get", "0" * 32)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "set NEXI_SECRET_KEY, or secret_key in a profile" in result.stderr


def test_what_can_not_be_reached_has_status_4(line: CommandLine) -> None:
    """Nothing happened."""

    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    line.transport = httpx.MockTransport(refuse)
    for command in (("payments", "get", "0" * 32), ("payments", "terminate", "0" * 32)):
        assert line.run(*command).exit_code == 4


def test_reading_leaves_nothing_unknown(line: CommandLine) -> None:
    """A look that failed has status 4, whatever went wrong."""
    line.transport = httpx.MockTransport(lambda _: httpx.Response(500))
    assert line.run("payments", "get", "0" * 32).exit_code == 4


def test_more_than_was_charged_is_the_apis_to_reject(line: CommandLine) -> None:
    """No VAT is asked for."""
    payment_id = line.charged()
    assert line.run("payments", "refund", payment_id, "999 SEK").exit_code == 1
