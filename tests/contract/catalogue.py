"""The whole API in one table: every call, what it accepts, what it returns, and how each of its errors is produced.

`Row` says how to read it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import date
from typing import Literal, TypeAlias, TypeVar

import attrs

from nexi_async import (
    AsyncCheckout,
    BulkCharge,
    BulkReceipt,
    BulkVerification,
    CardPaymentReceipt,
    Charge,
    ChargeReceipt,
    ChargeStatus,
    CreatedPayment,
    Payment,
    Payout,
    PayoutAction,
    Refund,
    RefundReceipt,
    Subscription,
    SubscriptionChargeReceipt,
    SubscriptionToCharge,
    SubscriptionToVerify,
    UnscheduledSubscription,
    UnscheduledSubscriptionSetup,
)
from nexi_async._resources.subscriptions import Subscriptions
from tests.contract import shapes
from tests.contract.examples import (
    AMOUNT,
    CARD,
    CARD_JSON,
    EMBEDDED,
    EMBEDDED_JSON,
    FEES,
    FEES_JSON,
    HOSTED,
    HOSTED_JSON,
    ITEM,
    ITEM_JSON,
    KEY,
    METHOD_DATA,
    METHOD_DATA_JSON,
    METHODS,
    METHODS_JSON,
    NOTIFICATIONS,
    NOTIFICATIONS_JSON,
    ORDER,
    ORDER_JSON,
    PAYMENT_INFO,
    PAYMENT_INFO_JSON,
    SHIPMENT,
    SHIPMENT_JSON,
    SHOP,
    SIGN_UP,
    SIGN_UP_JSON,
)
from tests.contract.refusals import (
    being_charged,
    body,
    charge_refused,
    completed,
    declined,
    fault,
    no_idempotency_key,
    query,
)
from tests.contract.row import Row
from tests.contract.shapes import Shape
from tests.contract.states import (
    bulk_run,
    charged,
    new_payment,
    paid_out,
    refund_pending,
    reserved,
    subscribed,
    subscription_charged,
)

Group: TypeAlias = Callable[[AsyncCheckout], "Subscriptions[Subscription] | Subscriptions[UnscheduledSubscription]"]
T = TypeVar("T")


async def first(items: AsyncGenerator[T, None]) -> T:
    """The first of several, which takes one request."""
    async with aclosing(items):
        return await anext(items)


PAYMENTS = [
    Row(
        call="POST /v1/payments",
        does="Make a payment for the shopper to complete.",
        body={
            "order": ORDER_JSON,
            "checkout": HOSTED_JSON,
            "merchantNumber": "100512877",
            "notifications": NOTIFICATIONS_JSON,
            "subscription": SIGN_UP_JSON,
            "paymentMethodsConfiguration": METHODS_JSON,
            "paymentMethods": FEES_JSON,
            "myReference": "mine-77",
            "additionalPaymentMethodData": METHOD_DATA_JSON,
        },
        partner="body",
        through={
            "payments.create": lambda checkout, _: checkout.payments.create(
                order=ORDER,
                checkout=HOSTED,
                merchant_number="100512877",
                notifications=NOTIFICATIONS,
                subscription=SIGN_UP,
                payment_methods_configuration=METHODS,
                payment_methods=FEES,
                my_reference="mine-77",
                additional_payment_method_data=METHOD_DATA,
            )
        },
        gives=CreatedPayment,
        answers=201,
        shape=shapes.CREATED_PAYMENT,
        errors="400 401 500",
        provoked={400: body(order=ORDER_JSON | {"amount": AMOUNT + 1})},
    ),
    Row(
        call="GET /v1/payments/{paymentId}",
        does="What is known of a payment; at most 30 times an hour.",
        given=refund_pending,
        through={"payments.retrieve": lambda checkout, ids: checkout.payments.retrieve(ids["paymentId"])},
        gives=Payment,
        answers=200,
        shape=shapes.RETRIEVED_PAYMENT,
        errors="400 401 404 429 500",
    ),
    Row(
        call="PUT /v1/payments/{paymentId}/referenceinformation",
        does="Give the payment another order number.",
        given=new_payment,
        body={"checkoutUrl": f"{SHOP}/checkout", "reference": "order-78"},
        through={
            "payments.update_reference": lambda checkout, ids: checkout.payments.update_reference(
                ids["paymentId"], checkout_url=f"{SHOP}/checkout", reference="order-78"
            )
        },
        gives=None,
        answers=204,
        shape=shapes.nothing,
        errors="400 401 405 500",
        provoked={400: body(checkoutUrl="https://another.test/checkout")},
    ),
    Row(
        call="PUT /v1/payments/{paymentId}/orderitems",
        does="Replace the order before the shopper has paid; 409 is seen, not documented.",
        given=new_payment,
        body={
            "amount": AMOUNT,
            "items": [ITEM_JSON],
            "shipping": {"costSpecified": True},
            "paymentMethods": FEES_JSON,
        },
        through={
            "payments.update_order": lambda checkout, ids: checkout.payments.update_order(
                ids["paymentId"], amount=AMOUNT, items=[ITEM], shipping_cost_specified=True, payment_methods=FEES
            )
        },
        gives=None,
        answers=204,
        shape=shapes.nothing,
        errors="400 401 405 409 500",
        provoked={400: body(items=[]), 409: completed},
    ),
    Row(
        call="PUT /v1/payments/{paymentId}/myreference",
        does="Set the merchant's own text.",
        given=new_payment,
        body={"myReference": "mine-78"},
        through={
            "payments.update_my_reference": lambda checkout, ids: checkout.payments.update_my_reference(
                ids["paymentId"], my_reference="mine-78"
            )
        },
        gives=None,
        answers=204,
        shape=shapes.nothing,
        errors="400 401 404 405 500",
        provoked={400: body(myReference="x" * 37)},
    ),
    Row(
        call="PUT /v1/payments/{paymentId}/terminate",
        does="End a session that the shopper has not completed.",
        given=new_payment,
        through={"payments.terminate": lambda checkout, ids: checkout.payments.terminate(ids["paymentId"])},
        gives=None,
        answers=204,
        shape=shapes.nothing,
        errors="400 401 404 405 409 500",
        provoked={409: completed},
    ),
    Row(
        call="POST /v1/payments/{paymentId}/cancels",
        does="Release reserved money, all or a part.",
        given=reserved,
        body={"amount": AMOUNT, "orderItems": [ITEM_JSON]},
        through={
            "payments.cancel": lambda checkout, ids: checkout.payments.cancel(
                ids["paymentId"], amount=AMOUNT, order_items=[ITEM]
            )
        },
        gives=None,
        answers=204,
        shape=shapes.nothing,
        errors="400 401 405 500",
        provoked={400: body(amount=0)},
    ),
    Row(
        call="POST /v1/payments/{paymentId}/charges",
        does="Take reserved money, all or a part.",
        given=reserved,
        keyed=True,
        body={
            "amount": AMOUNT,
            "orderItems": [ITEM_JSON],
            "shipping": SHIPMENT_JSON,
            "finalCharge": True,
            "myReference": "ship-1",
            "paymentMethodReference": "invoice-1",
        },
        through={
            "payments.charge": lambda checkout, ids: checkout.payments.charge(
                ids["paymentId"],
                amount=AMOUNT,
                order_items=[ITEM],
                shipping=SHIPMENT,
                final_charge=True,
                my_reference="ship-1",
                payment_method_reference="invoice-1",
                idempotency_key=KEY,
            )
        },
        gives=ChargeReceipt,
        answers=201,
        shape=shapes.CHARGE_RECEIPT,
        errors="400 401 402 500",
        provoked={400: body(amount=0), 402: charge_refused},
    ),
    Row(
        call="GET /v1/charges/{chargeId}",
        does="What is known of a charge.",
        given=charged,
        through={"charges.retrieve": lambda checkout, ids: checkout.charges.retrieve(ids["chargeId"])},
        gives=Charge,
        answers=200,
        shape=shapes.RETRIEVED_CHARGE,
        errors="400 401 404 500",
    ),
    Row(
        call="POST /v1/charges/{chargeId}/refunds",
        does="Give a charge back, all or a part.",
        given=charged,
        keyed=True,
        body={"amount": AMOUNT, "orderItems": [ITEM_JSON], "myReference": "back-1"},
        through={
            "charges.refund": lambda checkout, ids: checkout.charges.refund(
                ids["chargeId"], amount=AMOUNT, order_items=[ITEM], my_reference="back-1", idempotency_key=KEY
            )
        },
        gives=RefundReceipt,
        answers=201,
        shape=shapes.REFUND_RECEIPT,
        errors="400 401 404 500",
        provoked={400: body(amount=0)},
    ),
    Row(
        call="POST /v1/payments/{paymentId}/refunds",
        does="Give money back, spread over the charges of a payment.",
        given=charged,
        keyed=True,
        body={"amount": AMOUNT, "orderItems": [ITEM_JSON], "myReference": "back-1"},
        through={
            "payments.refund": lambda checkout, ids: checkout.payments.refund(
                ids["paymentId"], amount=AMOUNT, order_items=[ITEM], my_reference="back-1", idempotency_key=KEY
            )
        },
        gives=RefundReceipt,
        answers=201,
        shape=shapes.REFUND_RECEIPT,
        errors="400 401 404 500",
        provoked={400: body(amount=0)},
    ),
    Row(
        call="GET /v1/refunds/{refundId}",
        does="What is known of a refund; its state shows in the payment only.",
        given=refund_pending,
        through={"refunds.retrieve": lambda checkout, ids: checkout.refunds.retrieve(ids["refundId"])},
        gives=Refund,
        answers=200,
        shape=shapes.RETRIEVED_REFUND,
        errors="400 401 404 405 500",
    ),
    Row(
        call="POST /v1/pending-refunds/{refundId}/cancel",
        does="Stop a refund that is not yet completed.",
        given=refund_pending,
        through={"refunds.cancel_pending": lambda checkout, ids: checkout.refunds.cancel_pending(ids["refundId"])},
        gives=None,
        answers=204,
        shape=shapes.nothing,
        errors="400 401 404 405 500",
    ),
    Row(
        call="GET /v1/paymentmethods",
        does="The payment methods that the merchant has set up.",
        query={"Currency": "SEK", "Enabled": "true"},
        partner="query",
        through={
            "payment_methods.list": lambda checkout, _: checkout.payment_methods.list(currency="SEK", enabled=True)
        },
        gives=tuple,
        answers=200,
        shape=[shapes.CONFIGURED_METHOD],
        errors="400 401 500",
        provoked={400: query(Enabled="perhaps")},
    ),
]


def subscription_rows(
    kind: str, group: Group, *, name: str, model: type[object], shape: Shape, partner: Literal["header"] | None
) -> list[Row]:
    """The eight calls of one kind of subscription; `kind` is its name on the wire."""
    root, its_id, ids_of_all = f"/v1/{kind.lower()}s", f"{kind}Id", f"{kind}s"
    return [
        Row(
            call=f"GET {root}/{{{its_id}}}",
            does="What is known of a subscription.",
            given=subscribed,
            partner=partner,
            through={f"{name}.retrieve": lambda checkout, ids: group(checkout).retrieve(ids[its_id])},
            gives=model,
            answers=200,
            shape=shape,
            errors="400 401 404 500",
        ),
        Row(
            call=f"GET {root}",
            does="Find a subscription that was taken over from another platform.",
            given=subscribed,
            query={"externalReference": "imported-1"},
            partner=partner,
            through={f"{name}.find": lambda checkout, _: group(checkout).find(external_reference="imported-1")},
            gives=model,
            answers=200,
            shape=shape,
            errors="400 401 404 500",
            provoked={400: query(externalReference=""), 404: query(externalReference="imported-2")},
        ),
        Row(
            call=f"POST {root}/{{{its_id}}}/charges",
            does="Charge the stored card now, which makes a new payment.",
            given=subscribed,
            keyed=True,
            body={"order": ORDER_JSON, "notifications": NOTIFICATIONS_JSON, "myReference": "october"},
            partner=partner,
            through={
                f"{name}.charge": lambda checkout, ids: group(checkout).charge(
                    ids[its_id],
                    order=ORDER,
                    notifications=NOTIFICATIONS,
                    my_reference="october",
                    idempotency_key=KEY,
                )
            },
            gives=SubscriptionChargeReceipt,
            answers=200,
            shape=shapes.SUBSCRIPTION_CHARGE,
            errors="400 401 402 404 409 500",
            provoked={
                400: body(order=ORDER_JSON | {"currency": "kronor"}),
                402: declined(kind),
                409: being_charged(kind),
            },
        ),
        Row(
            call=f"GET {root}/{{{its_id}}}/charges/status",
            does="What became of a charge, by the key it was sent with.",
            given=subscription_charged(kind),
            keyed=True,
            partner=partner,
            through={
                f"{name}.charge_status": lambda checkout, ids: group(checkout).charge_status(
                    ids[its_id], idempotency_key=KEY
                )
            },
            gives=ChargeStatus,
            answers=200,
            shape=shapes.CHARGE_STATUS,
            errors="400 401 404",
            provoked={400: no_idempotency_key},
        ),
        Row(
            call=f"POST {root}/charges",
            does="Have many charged; why 404 is documented is not known, since unknown ones fail one by one.",
            given=subscribed,
            body={
                "externalBulkChargeId": "run-1",
                "notifications": NOTIFICATIONS_JSON,
                ids_of_all: [{"externalReference": "imported-1", "order": ORDER_JSON, "myReference": "october"}],
            },
            partner=partner,
            through={
                f"{name}.charge_bulk": lambda checkout, _: group(checkout).charge_bulk(
                    external_bulk_charge_id="run-1",
                    notifications=NOTIFICATIONS,
                    subscriptions=[
                        SubscriptionToCharge(external_reference="imported-1", order=ORDER, my_reference="october")
                    ],
                )
            },
            gives=BulkReceipt,
            answers=202,
            shape=shapes.BULK_RECEIPT,
            errors="400 401 404 500",
            provoked={400: body(**{ids_of_all: [{"order": ORDER_JSON}]}), 404: fault(404)},
        ),
        Row(
            call=f"GET {root}/charges/{{bulkId}}",
            does="How far a bulk charge has come, page by page.",
            given=bulk_run(kind, "charges"),
            query={"skip": "0", "take": "500"},
            partner=partner,
            through={f"{name}.bulk_charges": lambda checkout, ids: first(group(checkout).bulk_charges(ids["bulkId"]))},
            gives=BulkCharge,
            answers=200,
            shape=shapes.charge_page(kind),
            errors="400 401 404 500",
            provoked={400: query(skip="-1")},
        ),
        Row(
            call=f"POST {root}/verifications",
            does="Have the cards of many checked, without money.",
            given=subscribed,
            body={"externalBulkVerificationId": "run-1", ids_of_all: [{"externalReference": "imported-1"}]},
            through={
                f"{name}.verify_bulk": lambda checkout, _: group(checkout).verify_bulk(
                    external_bulk_verification_id="run-1",
                    subscriptions=[SubscriptionToVerify(external_reference="imported-1")],
                )
            },
            gives=BulkReceipt,
            answers=202,
            shape=shapes.BULK_RECEIPT,
            errors="400 500",
            provoked={400: body(**{ids_of_all: [{}]})},
        ),
        Row(
            call=f"GET {root}/verifications/{{bulkId}}",
            does="How far a bulk verification has come, page by page.",
            given=bulk_run(kind, "verifications"),
            query={"skip": "0", "take": "500"},
            through={
                f"{name}.bulk_verifications": lambda checkout, ids: first(
                    group(checkout).bulk_verifications(ids["bulkId"])
                )
            },
            gives=BulkVerification,
            answers=200,
            shape=shapes.verification_page(kind),
            errors="400 401 404 500",
            provoked={400: query(take="0")},
        ),
    ]


SUBSCRIPTIONS = subscription_rows(
    "subscription",
    lambda checkout: checkout.subscriptions,
    name="subscriptions",
    model=Subscription,
    shape=shapes.SUBSCRIPTION,
    partner="header",
)
UNSCHEDULED_SUBSCRIPTIONS = subscription_rows(
    "unscheduledSubscription",
    lambda checkout: checkout.unscheduled_subscriptions,
    name="unscheduled_subscriptions",
    model=UnscheduledSubscription,
    shape=shapes.UNSCHEDULED_SUBSCRIPTION,
    partner=None,
)

CARD_PAYMENTS = [
    Row(
        call="POST /v1/cardpayments",
        does="Reserve or charge a card from server to server, for merchants that may handle card numbers.",
        keyed=True,
        body={
            "interactionType": 0,
            "order": ORDER_JSON,
            "paymentInfo": PAYMENT_INFO_JSON,
            "merchantNumber": "100512877",
            "notifications": NOTIFICATIONS_JSON,
            "myReference": "mine-77",
            "cardDetails": CARD_JSON,
        },
        partner="body",
        through={
            "card_payments.create": lambda checkout, _: checkout.card_payments.create(
                interaction_type=0,
                order=ORDER,
                payment_info=PAYMENT_INFO,
                merchant_number="100512877",
                notifications=NOTIFICATIONS,
                my_reference="mine-77",
                card_details=CARD,
                idempotency_key=KEY,
            )
        },
        gives=CardPaymentReceipt,
        answers=201,
        shape=shapes.CARD_PAYMENT_RECEIPT,
        errors="400 401 500",
        provoked={400: body(cardDetails=CARD_JSON | {"cvc": "12"})},
    ),
]

REPORTS = [
    Row(
        call="GET /report/v1/balances",
        does="What is not yet paid out, by currency; its schema is not published.",
        given=charged,
        query={"currencies": "SEK,NOK", "fromDate": "2026-01-01", "toDate": "2026-12-31"},
        partner="query",
        through={
            "reports.balances": lambda checkout, _: checkout.reports.balances(
                currencies=["SEK", "NOK"], from_date=date(2026, 1, 1), to_date=date(2026, 12, 31)
            )
        },
        gives=object,
        answers=200,
        shape=shapes.anything,
        errors="400 401 500",
        provoked={400: query(fromDate="tomorrow")},
    ),
    Row(
        call="GET /report/v1/payouts",
        does="What was paid out within a period, page by page from 0.",
        given=paid_out,
        query={
            "fromDate": "2020-01-01",
            "toDate": "2099-12-31",
            "currency": "SEK",
            "pageNumber": "0",
            "pageSize": "100",
        },
        partner="query",
        through={
            "reports.payouts": lambda checkout, _: first(
                checkout.reports.payouts(from_date=date(2020, 1, 1), to_date=date(2099, 12, 31), currency="SEK")
            )
        },
        gives=Payout,
        answers=200,
        shape=shapes.PAYOUTS,
        errors="400 401 500",
        provoked={400: query(toDate="2019-12-31")},
    ),
    Row(
        call="GET /report/v1/payouts/{id}",
        does="A payout, and what it is made of, page by page from 0.",
        given=paid_out,
        query={"pageNumber": "0", "pageSize": "1"},
        partner="query",
        through={
            "reports.payout": lambda checkout, ids: checkout.reports.payout(ids["id"]),
            "reports.payment_actions": lambda checkout, ids: first(
                checkout.reports.payment_actions(ids["id"], page_size=1)
            ),
        },
        gives=Payout | PayoutAction,
        answers=200,
        shape=shapes.PAYOUT,
        errors="400 401 404 500",
    ),
]

CATALOGUE = [*PAYMENTS, *SUBSCRIPTIONS, *UNSCHEDULED_SUBSCRIPTIONS, *CARD_PAYMENTS, *REPORTS]

CREATE = PAYMENTS[0]
VARIANTS = [
    attrs.evolve(
        CREATE,
        does="An embedded checkout, a company, and a subscription without a schedule.",
        body={
            "order": ORDER_JSON,
            "checkout": EMBEDDED_JSON,
            "unscheduledSubscription": {"create": True},
        },
        through={
            "payments.create": lambda checkout, _: checkout.payments.create(
                order=ORDER,
                checkout=EMBEDDED,
                unscheduled_subscription=UnscheduledSubscriptionSetup(create=True),
            )
        },
    ),
]
"""Rows of the catalogue again, with members that exclude those of the first example."""
