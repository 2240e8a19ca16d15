"""The endpoints of the API, and the operation that handles each."""

from collections.abc import Callable

from attrs import frozen

from nexi_async.emulator._engine import (
    bulk,
    cancels,
    card_payments,
    charges,
    payment_methods,
    payments,
    payouts,
    refunds,
    subscriptions,
)
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.responses import APIResponse
from nexi_async.emulator._engine.state import SCHEDULED, UNSCHEDULED, AgreementKind


@frozen
class Endpoint:
    """One endpoint of the API.

    Attributes:
        method: The HTTP method.
        path: The path in lower case; an id in it is called `{id}`.
        operation: The function that handles its requests.
        keyed: It accepts an `Idempotency-Key`.
        documents_402: The reference lists 402 among its errors.
    """

    method: str
    path: str
    operation: Callable[[Context, APIRequest], APIResponse]
    keyed: bool = False
    documents_402: bool = False


def _agreement_endpoints(kind: AgreementKind) -> tuple[Endpoint, ...]:
    base = f"/v1/{kind.list_member.lower()}"
    return (
        Endpoint("POST", f"{base}/charges", bulk.charge(kind)),
        Endpoint("GET", f"{base}/charges/{{id}}", bulk.retrieve(kind, "charges")),
        Endpoint("POST", f"{base}/verifications", bulk.verify(kind)),
        Endpoint("GET", f"{base}/verifications/{{id}}", bulk.retrieve(kind, "verifications")),
        Endpoint("POST", subscriptions.charge_path(kind), subscriptions.charge(kind), keyed=True, documents_402=True),
        Endpoint("GET", f"{base}/{{id}}/charges/status", subscriptions.charge_status(kind)),
        Endpoint("GET", f"{base}/{{id}}", subscriptions.retrieve(kind)),
        Endpoint("GET", base, subscriptions.find_by_reference(kind)),
    )


# The busiest endpoints come first, literal paths before those with an id in the same place.
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", "/v1/payments", payments.create),
    Endpoint("GET", "/v1/payments/{id}", payments.retrieve),
    Endpoint("POST", "/v1/payments/{id}/charges", charges.create, keyed=True, documents_402=True),
    *_agreement_endpoints(SCHEDULED),
    *_agreement_endpoints(UNSCHEDULED),
    Endpoint("POST", "/v1/charges/{id}/refunds", refunds.refund_charge, keyed=True),
    Endpoint("POST", "/v1/payments/{id}/refunds", refunds.refund_payment, keyed=True),
    Endpoint("POST", "/v1/payments/{id}/cancels", cancels.create),
    Endpoint("PUT", "/v1/payments/{id}/terminate", payments.terminate),
    Endpoint("PUT", "/v1/payments/{id}/referenceinformation", payments.update_reference),
    Endpoint("PUT", "/v1/payments/{id}/myreference", payments.update_my_reference),
    Endpoint("PUT", "/v1/payments/{id}/orderitems", payments.update_order),
    Endpoint("GET", "/v1/charges/{id}", charges.retrieve),
    Endpoint("GET", "/v1/refunds/{id}", refunds.retrieve),
    Endpoint("POST", "/v1/pending-refunds/{id}/cancel", refunds.cancel_pending),
    Endpoint("GET", "/v1/paymentmethods", payment_methods.find),
    Endpoint("POST", "/v1/cardpayments", card_payments.create, keyed=True),
    Endpoint("GET", "/report/v1/balances", payouts.balances),
    Endpoint("GET", "/report/v1/payouts", payouts.find),
    Endpoint("GET", "/report/v1/payouts/{id}", payouts.retrieve),
)
