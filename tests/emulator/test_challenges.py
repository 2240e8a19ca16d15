"""3-D Secure: which payments are challenged, and what each answer leads to."""

from typing import Literal

import pytest

from nexi_async.emulator import CheckoutEmulator, Refusal
from tests.emulator.raw import Wire, hosted, item, webhooks

CHALLENGED_CARD = "4925000000000095"
Failure = Literal["refused", "cancelled", "timed_out"]
FAILURES: tuple[Failure, ...] = ("refused", "cancelled", "timed_out")


def names(emulator: CheckoutEmulator) -> list[str]:
    """The names of all events, in order."""
    return [event["event"] for event in emulator.state()["events"]]


async def test_an_approved_payment_is_reserved(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Nothing is reserved until the shopper approves; the events come as without a challenge."""
    payment_id = await wire.create()
    assert emulator.pay(payment_id, card=CHALLENGED_CARD).result == "challenged"
    assert names(emulator) == ["payment.created"]
    assert await wire.summary(payment_id) == {}
    outcome = emulator.answer_challenge(payment_id)
    assert (outcome.result, outcome.redirect) == ("completed", f"https://shop.test/ok?paymentid={payment_id}")
    assert await wire.summary(payment_id) == {"reservedAmount": 12500}
    assert names(emulator)[1:] == [
        "payment.reservation.created",
        "payment.reservation.created.v2",
        "payment.checkout.completed",
    ]


@pytest.mark.parametrize("result", FAILURES)
async def test_any_other_answer_leaves_the_payment_open(
    wire: Wire, emulator: CheckoutEmulator, result: Failure
) -> None:
    """The shopper comes back to the page of the checkout, where another card can be tried."""
    payment_id = await wire.create()
    emulator.pay(payment_id, card=CHALLENGED_CARD)
    outcome = emulator.answer_challenge(payment_id, result)
    assert outcome.result == "unauthenticated"
    assert (outcome.redirect or "").endswith(f"pid={payment_id}&paymentFailed=true")
    assert names(emulator) == ["payment.created", "payment.reservation.failed"]
    assert emulator.pay(payment_id).result == "completed"


async def test_a_challenge_times_out_by_itself(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A shopper who closes the page fails when the time is over, once, and can't approve any more."""
    payment_id = await wire.create(notifications=webhooks("payment.reservation.failed"))
    emulator.pay(payment_id, card=CHALLENGED_CARD)
    emulator.advance(299)
    assert names(emulator) == ["payment.created"]
    emulator.advance(1)
    assert names(emulator) == ["payment.created", "payment.reservation.failed"]
    with pytest.raises(Refusal):
        emulator.answer_challenge(payment_id)
    assert len(emulator.state()["deliveries"]) == 1


async def test_only_the_last_challenge_counts(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Pressing Pay again starts anew; the end of the first challenge's time is of no account."""
    payment_id = await wire.create()
    emulator.pay(payment_id, card=CHALLENGED_CARD)
    emulator.advance(200)
    emulator.pay(payment_id, card=CHALLENGED_CARD)
    emulator.advance(200)
    assert names(emulator) == ["payment.created"]
    assert emulator.answer_challenge(payment_id).result == "completed"


async def test_one_approval_reserves_once(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Approving twice, or after paying otherwise, is refused."""
    payment_id = await wire.create()
    emulator.pay(payment_id, card=CHALLENGED_CARD)
    emulator.answer_challenge(payment_id)
    with pytest.raises(Refusal):
        emulator.answer_challenge(payment_id)
    other = await wire.create()
    emulator.pay(other, card=CHALLENGED_CARD)
    emulator.pay(other, method="Swish")
    with pytest.raises(Refusal):
        emulator.answer_challenge(other)
    emulator.advance(1000)
    assert "payment.reservation.failed" not in names(emulator)


async def test_approving_one_amount_never_reserves_another(wire: Wire, emulator: CheckoutEmulator) -> None:
    """An order that changes while the shopper is asked fails the challenge."""
    payment_id = await wire.create()
    emulator.pay(payment_id, card=CHALLENGED_CARD)
    update = {"amount": 99900, "items": [item(99900)], "shipping": {"costSpecified": True}}
    assert (await wire.put(f"/v1/payments/{payment_id}/orderitems", update)).status_code == 204
    assert emulator.answer_challenge(payment_id).result == "unauthenticated"
    assert await wire.summary(payment_id) == {}


async def test_the_issuer_may_approve_and_still_decline(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Amounts that provoke a decline do so after the challenge."""
    payment_id = await wire.create(151)
    emulator.pay(payment_id, card=CHALLENGED_CARD)
    outcome = emulator.answer_challenge(payment_id)
    assert (outcome.result, outcome.code) == ("declined", "51")


@pytest.mark.parametrize(("setting", "card", "result"), [
    ("always", "4268270087374847", "challenged"),
    ("never", CHALLENGED_CARD, "completed"),
    ("test_card", "4268270087374847", "completed"),
])  # fmt: skip
async def test_a_setting_decides(wire: Wire, emulator: CheckoutEmulator, setting: str, card: str, result: str) -> None:
    """All cards can be challenged, or none; other payment methods never are."""
    await wire.put("/emulator/settings", {"three_d_secure": setting})
    assert emulator.pay(await wire.create(), card=card).result == result
    assert emulator.pay(await wire.create(), method="Swish").result == "completed"


async def test_an_embedded_checkout_is_where_the_shopper_comes_back_to(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Without a return url the shop's own page gets the payment's id, and whether the payment failed."""
    checkout = {"url": "https://shop.test/pay?cart=7#top", "termsUrl": "https://shop.test/terms"}
    body = hosted(checkout=checkout)
    payment_id = (await wire.post("/v1/payments", body)).json()["paymentId"]
    emulator.pay(payment_id, card=CHALLENGED_CARD)
    failed = emulator.answer_challenge(payment_id, "refused").redirect
    assert failed == f"https://shop.test/pay?cart=7&paymentid={payment_id}&paymentFailed=true#top"
    emulator.pay(payment_id, card=CHALLENGED_CARD)
    approved = emulator.answer_challenge(payment_id).redirect
    assert approved == f"https://shop.test/pay?cart=7&paymentid={payment_id}#top"


async def test_an_unknown_answer_is_refused(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The error lists the answers there are, and the challenge goes on waiting."""
    payment_id = await wire.create()
    emulator.pay(payment_id, card=CHALLENGED_CARD)
    with pytest.raises(ValueError, match="approved, refused, cancelled, timed_out"):
        emulator.answer_challenge(payment_id, "maybe")  # type: ignore[arg-type]  # a caller without a type checker
    assert emulator.answer_challenge(payment_id).result == "completed"
