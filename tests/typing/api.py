"""Uses of the public API as a caller writes them; never run, only checked by the type checker."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, assert_type

import httpx

from nexi_async import (
    Address,
    APIError,
    AsyncCheckout,
    BadRequest,
    BulkCharge,
    BulkReceipt,
    BulkVerification,
    CardPaymentReceipt,
    CardToCharge,
    Charge,
    ChargeDeclined,
    ChargeReceipt,
    ChargeStatus,
    Checkout,
    ConfiguredPaymentMethod,
    Consumer,
    CreatedPayment,
    Fault,
    InvalidRequest,
    NexiError,
    Notifications,
    Order,
    OrderItem,
    Outcome,
    Payment,
    PaymentInfo,
    PaymentMethodConfiguration,
    PaymentMethodFee,
    PaymentStatus,
    Payout,
    PayoutAction,
    Poll,
    RateLimited,
    Refund,
    RefundReceipt,
    RefundState,
    RetryPolicy,
    Shipment,
    Subscription,
    SubscriptionChargeReceipt,
    SubscriptionSetup,
    SubscriptionToCharge,
    SubscriptionToVerify,
    TransportError,
    UnexpectedResponse,
    UnscheduledSubscription,
    UnscheduledSubscriptionSetup,
    WebHook,
    derive_key,
    new_key,
)


def settings(context: ssl.SSLContext, transport: httpx.AsyncBaseTransport) -> list[AsyncCheckout]:
    """Every way to make a client."""
    return [
        AsyncCheckout(),
        AsyncCheckout("key", environment="live"),
        AsyncCheckout("key", base_url="http://127.0.0.1:8400", transport=transport),
        AsyncCheckout(
            "key",
            environment="test",
            timeout=30,
            retry=RetryPolicy(attempts=1, first_delay=0.5, longest_delay=8, deadline=90),
            max_connections=10,
            ssl_context=context,
            proxy="http://proxy.shop.test:3128",
            platform_tag="Acme 2.1",
            merchant_number="4711",
        ),
    ]


def orders() -> Order:
    """Every way to build what is bought."""
    lines = [
        OrderItem.of(reference="mug", name="Mug", unit_price=5000),
        OrderItem.of(reference="tea", name="Tea", quantity=Decimal("0.333"), unit="kg", unit_price_with_tax=9900),
        OrderItem.of(reference="off", name="Discount", quantity=1, unit_price=-100, tax_rate=2500),
    ]
    assert_type(lines[0].gross_total_amount, int)
    assert_type(lines[0].quantity, Decimal)
    Order(items=(line for line in lines), amount=1, currency="SEK")
    return assert_type(Order.of(items=lines, currency="SEK", reference="order-77"), Order)


def checkouts(ends: datetime) -> list[Checkout]:
    """Every way to say where the shopper pays."""
    home = Address(address_line1="Gatan 1", postal_code="11122", city="Stockholm", country="SWE")
    shopper = Consumer(email="a@shop.test", shipping_address=home)
    return [
        Checkout.hosted(return_url="https://shop.test/ok", terms_url="https://shop.test/terms", consumer=shopper),
        Checkout.embedded(url="https://shop.test/pay", terms_url="https://shop.test/terms", charge=True),
        Checkout(terms_url="https://shop.test/terms", url="https://shop.test/pay", expires_at=ends),
    ]


async def payments(checkout: AsyncCheckout, order: Order, where: Checkout) -> None:
    """Every call of `payments`."""
    hooks = Notifications.to("https://shop.test/hook", authorization="a" * 32, events=["payment.created"])
    Notifications(web_hooks=[WebHook(event_name="payment.created", url="https://shop.test/h", authorization="a" * 8)])
    created = await checkout.payments.create(
        order=order,
        checkout=where,
        notifications=hooks,
        subscription=SubscriptionSetup(interval=30),
        payment_methods_configuration=[PaymentMethodConfiguration(name="Visa")],
        payment_methods=(PaymentMethodFee(name="easy-invoice", fee=item) for item in order.items),
        my_reference="mine",
        merchant_number="4711",
    )
    assert_type(created, CreatedPayment)
    assert_type(created.hosted_payment_page_url, str | None)
    await checkout.payments.create(
        order=order, checkout=where, unscheduled_subscription=UnscheduledSubscriptionSetup(create=True)
    )
    payment = assert_type(await checkout.payments.retrieve(created.payment_id), Payment)
    assert_type(payment.status, PaymentStatus)
    assert_type(payment.summary.reserved_amount, int)
    assert_type([refund.state for refund in payment.refunds], list[RefundState])
    await checkout.payments.update_order(
        payment.payment_id, amount=order.amount, items=order.items, shipping_cost_specified=True
    )
    await checkout.payments.update_reference(payment.payment_id, reference="o-2", checkout_url="https://shop.test/pay")
    await checkout.payments.update_my_reference(payment.payment_id, my_reference="mine")
    await checkout.payments.terminate(payment.payment_id)
    await checkout.payments.cancel(payment.payment_id, amount=order.amount, order_items=order.items)
    charged = await checkout.payments.charge(
        payment.payment_id,
        amount=order.amount,
        order_items=order.items,
        shipping=Shipment(tracking_number="JD1", provider="PNOR"),
        final_charge=True,
        my_reference="mine",
        payment_method_reference="invoice-1",
        idempotency_key=new_key(),
    )
    assert_type(charged, ChargeReceipt)
    assert_type(charged.idempotency_key, str)
    refunded = await checkout.payments.refund(payment.payment_id, amount=1, order_items=None, idempotency_key="k")
    assert_type(refunded, RefundReceipt)


async def charges_and_refunds(checkout: AsyncCheckout) -> None:
    """Every call of `charges` and `refunds`."""
    charge = assert_type(await checkout.charges.retrieve("c1"), Charge)
    receipt = await checkout.charges.refund(charge.charge_id, amount=charge.amount, my_reference="mine")
    refund = assert_type(await checkout.refunds.retrieve(receipt.refund_id), Refund)
    await checkout.refunds.cancel_pending(refund.refund_id)


async def subscriptions(checkout: AsyncCheckout, order: Order) -> None:
    """Every call of both kinds of subscriptions."""
    assert_type(await checkout.subscriptions.retrieve("s1"), Subscription)
    assert_type(await checkout.unscheduled_subscriptions.retrieve("u1"), UnscheduledSubscription)
    assert_type(await checkout.subscriptions.find(external_reference="D2"), Subscription)
    assert_type(await checkout.unscheduled_subscriptions.find(external_reference="D2"), UnscheduledSubscription)
    key = derive_key("2026-10", "s1", 1)
    charged = await checkout.subscriptions.charge("s1", order=order, my_reference="october", idempotency_key=key)
    assert_type(charged, SubscriptionChargeReceipt)
    status = await checkout.unscheduled_subscriptions.charge_status("u1", idempotency_key=key)
    assert_type(status, ChargeStatus)
    for group in (checkout.subscriptions, checkout.unscheduled_subscriptions):
        run = await group.charge_bulk(
            subscriptions=[SubscriptionToCharge(order=order, subscription_id="s1")], external_bulk_charge_id="2026-10"
        )
        assert_type(run, BulkReceipt)
        assert_type(group.bulk_charges(run.bulk_id, page_size=100), AsyncGenerator[BulkCharge, None])
        async for item in group.bulk_charges(run.bulk_id, poll=Poll(first_delay=1, longest_delay=60, deadline=3600)):
            assert_type(item.code, str | None)
        await group.verify_bulk(subscriptions=[SubscriptionToVerify(external_reference="D2")])
        assert_type([item async for item in group.bulk_verifications(run.bulk_id)], list[BulkVerification])


async def other_groups(checkout: AsyncCheckout, order: Order) -> None:
    """Every call of the remaining groups."""
    card = CardToCharge(card_number="4268270087374847", expiry_month="09", expiry_year="31", cvc="123")
    paid = await checkout.card_payments.create(order=order, payment_info=PaymentInfo(charge=True), card_details=card)
    assert_type(paid, CardPaymentReceipt)
    methods = await checkout.payment_methods.list(currency="SEK", enabled=True, merchant_number="4711")
    assert_type(methods, tuple[ConfiguredPaymentMethod, ...])
    assert_type(await checkout.reports.balances(currencies=["SEK"]), object)
    async for payout in checkout.reports.payouts(from_date=date(2026, 9, 1), to_date=date(2026, 9, 30), currency="SEK"):
        assert_type(await checkout.reports.payout(payout.id), Payout)
        assert_type([action async for action in checkout.reports.payment_actions(payout.id)], list[PayoutAction])


async def client(checkout: AsyncCheckout) -> None:
    """Opening, copying, and the raw door."""
    async with checkout as opened:
        assert_type(opened, AsyncCheckout)
        other = opened.with_options(timeout=5, retry=RetryPolicy(), secret_key="key", merchant_number="4711")
        assert_type(other, AsyncCheckout)
        answer = await other.request("POST", "/v1/new", json={"a": 1}, query={"b": "c"}, idempotency_key=new_key())
        assert_type(answer.status, int)
        assert_type(answer.json(), Any)


async def answers_of_the_api(checkout: AsyncCheckout) -> None:
    """What an error of the API tells, from the special to the general."""
    try:
        await checkout.payments.charge("p1", amount=1)
    except ChargeDeclined as error:
        assert_type(error.decline.may_retry, bool)
    except BadRequest as error:
        assert_type([text for texts in error.errors.values() for text in texts], list[str])
    except RateLimited as error:
        assert_type(error.retry_after, float | None)
    except APIError as error:
        assert_type((error.status, error.code, error.body), tuple[int, str | None, bytes])


async def other_errors(checkout: AsyncCheckout) -> None:
    """What every other error tells, and what to do about an unknown outcome."""
    try:
        await checkout.payments.charge("p1", amount=1)
    except InvalidRequest as error:
        assert_type(error.faults, tuple[Fault, ...])
    except UnexpectedResponse as error:
        assert_type(error.body, bytes)
    except TransportError as error:
        assert_type(error.cause, BaseException | None)
    except NexiError as error:
        if error.outcome is Outcome.UNKNOWN and error.idempotency_key is not None:
            await checkout.payments.charge("p1", amount=1, idempotency_key=error.idempotency_key)


async def mistakes(checkout: AsyncCheckout, order: Order) -> None:
    """What the type checker refuses; an unused ignore is an error too."""
    await checkout.payments.charge("p1", amount=125.0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await checkout.payments.charge("p1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await checkout.payments.charge("p1", 12500)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await checkout.subscriptions.charge("s1", order=order.items)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    OrderItem.of(reference="mug", name="Mug", unit_price=50.0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    OrderItem.of(reference="mug", name="Mug", unit_price=50, quantity=0.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncCheckout("key", environment="production")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    order.amount = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
