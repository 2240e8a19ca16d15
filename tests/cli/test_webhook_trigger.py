"""`nexi-async webhooks trigger`: the emulator really goes through what sends the event."""

from __future__ import annotations

import contextlib
import json

import httpx
import pytest

from nexi_async._cli.webhook_trigger import SCENARIOS
from nexi_async.emulator import CheckoutEmulator, NotDelivered, Settings
from nexi_async.webhooks import EVENT_NAMES, CollectingReceiver, deliveries
from tests.cli.conftest import CommandLine


class Delivering(httpx.ASGITransport):
    """Delivers what is due after each call, in the event loop of the command."""

    def __init__(self, emulator: CheckoutEmulator) -> None:
        super().__init__(emulator)
        self._emulator = emulator

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        with contextlib.suppress(NotDelivered):  # it is sent again when that is due
            await self._emulator._dispatcher.deliver_due()
        return response


@pytest.fixture
def receiver(line: CommandLine) -> CollectingReceiver:
    """A receiver of the value that the command line is configured with."""
    receiver = CollectingReceiver()
    sender = httpx.ASGITransport(receiver, client=deliveries.SENDER)
    line.emulator = CheckoutEmulator(
        seed=1, time_scale=0, settings=Settings(refund_seconds=0), webhook_transport=sender
    )
    line.transport = Delivering(line.emulator)
    line.environment["NEXI_WEBHOOK_AUTHORIZATION"] = receiver.authorization
    return receiver


@pytest.mark.parametrize("event", EVENT_NAMES)
def test_every_event_comes_from_a_real_payment(line: CommandLine, receiver: CollectingReceiver, event: str) -> None:
    """The receiver gets exactly this one, of a payment that exists, and its answer is shown."""
    document = line.json("webhooks", "trigger", event)
    assert [each.name for each in receiver.events] == [event]
    assert receiver.events[0].payment_id == document["paymentId"]
    assert document["delivery"] == "200"
    assert line.json("payments", "get", document["paymentId"])["orderDetails"]["amount"] == 12500


def test_every_event_has_a_scenario() -> None:
    """And nothing else has."""
    assert set(SCENARIOS) == set(EVENT_NAMES)


def test_what_the_receiver_answers_is_the_status(line: CommandLine, receiver: CollectingReceiver) -> None:
    """A receiver with another value refuses."""
    line.environment["NEXI_WEBHOOK_AUTHORIZATION"] = "anothervalue1"
    result = line.run("webhooks", "trigger", "payment.created", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["delivery"] == "401"
    assert not receiver.events


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("payment.chekout.completed",), "did you mean 'payment.checkout.completed'?"),
        (("payment.created", "--environment", "live"), "this makes payments"),
        (("payment.created", "--environment", "test"), "needs a terminal in the test environment"),
    ],
)
@pytest.mark.usefixtures("receiver")
def test_what_can_not_be_triggered_is_refused(line: CommandLine, arguments: tuple[str, ...], text: str) -> None:
    """Never in live, and in the test environment only where somebody can pay."""
    result = line.run("webhooks", "trigger", *arguments)
    assert result.exit_code == 2
    assert text in result.stderr


def test_the_value_has_to_be_configured(line: CommandLine) -> None:
    """Or the receiver would refuse everything."""
    result = line.run("webhooks", "trigger", "payment.created")
    assert result.exit_code == 2
    assert "NEXI_WEBHOOK_AUTHORIZATION: must have the value that the receiver takes" in result.stderr
