"""Tests of finding the payments of jobs in review, and of checking them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import attrs
import pytest

from nexi_async import InvalidRequest
from nexi_async._models.charge import PaymentCharge
from nexi_async._models.payment import OrderDetails, Payment, SubscriptionLink, UnscheduledSubscriptionLink
from nexi_async._models.payout import PayoutAction
from nexi_async.batch import ReviewItem
from nexi_async.batch import _payment_search as payment_search
from nexi_async.batch._payment_search import MAX_SEARCH, PaymentSearch, check_payment
from nexi_async.reference.states import PaymentAction
from tests.batch.support import START, Shop, order

SENT = datetime.fromtimestamp(START, UTC)
TODAY = SENT.date() + timedelta(days=10)
ITEM = ReviewItem(
    reference="job-1",
    subscription_id="AB-12",
    amount=12500,
    currency="SEK",
    order_reference="order-1",
    my_reference="mine",
    sent_at=START,
    idempotency_key="k",
    error=None,
)
PAYMENT = Payment(
    payment_id="p",
    order_details=OrderDetails(amount=12500, currency="SEK", reference="order-1"),
    created=SENT,
    charges=(PaymentCharge(charge_id="c-1", amount=12500, created=SENT),),
    subscription=SubscriptionLink(id="ab12"),
    my_reference="mine",
)
ACTION = PayoutAction(
    id="c-1",
    payment_action=PaymentAction("CHARGE"),
    amount=12500,
    currency="SEK",
    payment_id="p",
    timestamp=SENT,
    reference="order-1",
    subscription_id="ab12",
)


def found(action: PayoutAction, item: ReviewItem = ITEM) -> bool:
    """Whether the action is kept for the job."""
    search = PaymentSearch({}, TODAY, is_whole=True)
    search.note(action, [item])
    return bool(search.found)


def test_a_charge_of_the_same_subscription_and_order_fits() -> None:
    """With all that both name; what the report leaves out does not count."""
    assert found(ACTION)
    assert found(attrs.evolve(ACTION, subscription_id=None))
    assert found(attrs.evolve(ACTION, reference=None, timestamp=None))
    assert found(ACTION, attrs.evolve(ITEM, order_reference=None))


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_action": PaymentAction("REFUND")},
        {"payment_id": None},
        {"subscription_id": "other"},
        {"reference": "other"},
        {"subscription_id": None, "reference": None},
        {"timestamp": SENT - timedelta(hours=2)},
    ],
)
def test_another_movement_does_not_fit(changes: dict[str, Any]) -> None:
    """Not a refund, nor another's charge, nor one that nothing ties to the job, nor one from before it was sent."""
    assert not found(attrs.evolve(ACTION, **changes))


@pytest.mark.parametrize(
    ("payment", "charge", "text"),
    [
        (PAYMENT, "c-2", "charge: payment p has no charge c-2"),
        (
            attrs.evolve(PAYMENT, charges=(PaymentCharge(charge_id="c-1", amount=1),)),
            "c-1",
            "is of 1, the job of 12500",
        ),
        (
            attrs.evolve(
                PAYMENT, charges=(PaymentCharge(charge_id="c-1", amount=12500, created=SENT - timedelta(days=30)),)
            ),
            "c-1",
            "before the job was sent",
        ),
        (
            attrs.evolve(PAYMENT, order_details=OrderDetails(amount=1, currency="DKK", reference="order-1")),
            "c-1",
            "payment: is in DKK, the job in SEK",
        ),
        (attrs.evolve(PAYMENT, subscription=SubscriptionLink(id="other")), "c-1", "another subscription"),
        (
            attrs.evolve(
                PAYMENT,
                subscription=None,
                unscheduled_subscription=UnscheduledSubscriptionLink(unscheduled_subscription_id="other"),
            ),
            "c-1",
            "another subscription",
        ),
        (attrs.evolve(PAYMENT, my_reference="other"), "c-1", "another my reference"),
    ],
)
def test_a_payment_that_is_not_the_jobs_is_refused(payment: Payment, charge: str, text: str) -> None:
    """A wrong id would hide a charge that is still to be made."""
    with pytest.raises(InvalidRequest, match=text):
        check_payment(ITEM, payment, charge)


def test_the_jobs_own_payment_is_believed() -> None:
    """Ids are the same however they are spelled; a job without references has none to compare."""
    check_payment(ITEM, PAYMENT, "C1")
    check_payment(attrs.evolve(ITEM, order_reference=None, my_reference=None, sent_at=None), PAYMENT, "c-1")


@pytest.fixture
async def paid_out(shop: Shop) -> Shop:
    """Two charges for which three days have gone by."""
    for id_ in shop.emulator.sign_up(2):
        await shop.checkout.subscriptions.charge(id_, order=order(reference="order-1"))
    shop.emulator.advance(3 * 86_400)
    return shop


async def test_payouts_are_read_since_the_job_was_sent(paid_out: Shop) -> None:
    """The emulator's reports name the payment, the charge and the subscription."""
    (payment, _) = paid_out.emulator.state()["payments"]
    item = attrs.evolve(ITEM, subscription_id=payment["subscription"]["id"])
    search = await PaymentSearch.run(paid_out.checkout, [item], today=TODAY)
    ((charge,),) = search.found.values()
    assert (charge.payment_id, charge.charge_id) == (payment["paymentId"], payment["charges"][0]["chargeId"])
    assert (search.first_day, search.is_whole) == (SENT.date() - timedelta(days=1), True)


async def test_a_search_is_bounded(paid_out: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """In days, and in how many charges are read; it says that it did not reach its end."""
    monkeypatch.setattr(payment_search, "MAX_ACTIONS", 1)
    items = [attrs.evolve(ITEM, sent_at=None)]
    search = await PaymentSearch.run(paid_out.checkout, items, today=TODAY)
    assert (search.first_day, search.is_whole) == (TODAY - MAX_SEARCH, False)
    nothing = await PaymentSearch.run(paid_out.checkout, [], today=date(2020, 1, 1))
    assert nothing.found == {}
