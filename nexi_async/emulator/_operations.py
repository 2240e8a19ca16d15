"""The catalogue: every call of the API, and the operation that answers it."""

from collections.abc import Callable

from attrs import frozen

from nexi_async.emulator import (
    _bulk as bulk,
)
from nexi_async.emulator import (
    _cancels as cancels,
)
from nexi_async.emulator import (
    _card_payments as card_payments,
)
from nexi_async.emulator import (
    _charges as charges,
)
from nexi_async.emulator import (
    _payment_methods as payment_methods,
)
from nexi_async.emulator import (
    _payments as payments,
)
from nexi_async.emulator import (
    _payouts as payouts,
)
from nexi_async.emulator import (
    _refunds as refunds,
)
from nexi_async.emulator import (
    _subscriptions as subscriptions,
)
from nexi_async.emulator._context import Call, Moment
from nexi_async.emulator._responses import Answer
from nexi_async.emulator._state import SCHEDULED, UNSCHEDULED, AgreementKind


@frozen
class WireCall:
    """One call of the API.

    Attributes:
        method: The HTTP method.
        path: The path in lower case; an id in it is called `{id}`.
        operate: What answers it.
        keyed: It accepts an `Idempotency-Key` and remembers it.
        documents_402: The reference lists 402 among its errors.
    """

    method: str
    path: str
    operate: Callable[[Moment, Call], Answer]
    keyed: bool = False
    documents_402: bool = False


def _agreement_calls(kind: AgreementKind) -> tuple[WireCall, ...]:
    base = f"/v1/{kind.list_member.lower()}"
    return (
        WireCall("POST", f"{base}/charges", bulk.charge(kind)),
        WireCall("GET", f"{base}/charges/{{id}}", bulk.retrieve(kind, "charges")),
        WireCall("POST", f"{base}/verifications", bulk.verify(kind)),
        WireCall("GET", f"{base}/verifications/{{id}}", bulk.retrieve(kind, "verifications")),
        WireCall("POST", subscriptions.charge_path(kind), subscriptions.charge(kind), keyed=True, documents_402=True),
        WireCall("GET", f"{base}/{{id}}/charges/status", subscriptions.charge_status(kind)),
        WireCall("GET", f"{base}/{{id}}", subscriptions.retrieve(kind)),
        WireCall("GET", base, subscriptions.find_by_reference(kind)),
    )


# The busiest calls come first, literal paths before those with an id in the same place.
CALLS: tuple[WireCall, ...] = (
    WireCall("POST", "/v1/payments", payments.create),
    WireCall("GET", "/v1/payments/{id}", payments.retrieve),
    WireCall("POST", "/v1/payments/{id}/charges", charges.create, keyed=True, documents_402=True),
    *_agreement_calls(SCHEDULED),
    *_agreement_calls(UNSCHEDULED),
    WireCall("POST", "/v1/charges/{id}/refunds", refunds.refund_charge, keyed=True),
    WireCall("POST", "/v1/payments/{id}/refunds", refunds.refund_payment, keyed=True),
    WireCall("POST", "/v1/payments/{id}/cancels", cancels.create),
    WireCall("PUT", "/v1/payments/{id}/terminate", payments.terminate),
    WireCall("PUT", "/v1/payments/{id}/referenceinformation", payments.update_reference),
    WireCall("PUT", "/v1/payments/{id}/myreference", payments.update_my_reference),
    WireCall("PUT", "/v1/payments/{id}/orderitems", payments.update_order),
    WireCall("GET", "/v1/charges/{id}", charges.retrieve),
    WireCall("GET", "/v1/refunds/{id}", refunds.retrieve),
    WireCall("POST", "/v1/pending-refunds/{id}/cancel", refunds.cancel_pending),
    WireCall("GET", "/v1/paymentmethods", payment_methods.find),
    WireCall("POST", "/v1/cardpayments", card_payments.create, keyed=True),
    WireCall("GET", "/report/v1/balances", payouts.balances),
    WireCall("GET", "/report/v1/payouts", payouts.find),
    WireCall("GET", "/report/v1/payouts/{id}", payouts.retrieve),
)
