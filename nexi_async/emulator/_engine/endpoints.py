"""The endpoints of the API: the operation that handles each, what it takes, and what it answers with."""

import re
from collections.abc import Callable, Iterator
from functools import partial

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
    validation,
)
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.fields import Boolean, FieldType, Integer, Object, String
from nexi_async.emulator._engine.responses import APIResponse
from nexi_async.emulator._engine.state import SCHEDULED, UNSCHEDULED, AgreementKind


@frozen
class Parameter:
    """A query parameter."""

    name: str
    kind: FieldType
    required: bool = False


@frozen
class Endpoint:
    """One endpoint of the API.

    Attributes:
        method: The HTTP method.
        path: The path in lower case; an id in it is called `{id}`.
        operation: The function that handles its requests, whose bodies have been read as `body` says.
        name: Its name in the OpenAPI document.
        body: What its request bodies must have; None if it takes none.
        success: The status of success.
        response: The name of the schema of its response, with `[]` for a list of them; None for an empty response.
        query: Its query parameters.
        keyed: It accepts an `Idempotency-Key`.
        needs_key: It asks about a key, which it needs.
        documents_402: The reference lists 402 among its errors.
        limited: Too many requests get 429.
    """

    method: str
    path: str
    operation: Callable[[Context, APIRequest], APIResponse]
    name: str
    body: Object | None = None
    success: int = 200
    response: str | None = None
    query: tuple[Parameter, ...] = ()
    keyed: bool = False
    needs_key: bool = False
    documents_402: bool = False
    limited: bool = False


_DATE = String(10, 10, forbidden="", pattern=re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}"))
_PAGING = tuple(Parameter(name, Integer(0)) for name in ("skip", "take", "pageNumber", "pageSize"))


def _agreement_endpoints(kind: AgreementKind) -> tuple[Endpoint, ...]:
    return (*_bulk_endpoints(kind), *_charge_endpoints(kind), *_retrieve_endpoints(kind))


def _bulk_endpoints(kind: AgreementKind) -> Iterator[Endpoint]:
    """The start of a run and its items, for charges and for verifications."""
    many = _capitalized(kind.list_member)
    rows = (
        ("charges", f"bulkCharge{many}", f"retrieveBulkCharge{many}", validation.bulk_charge(kind)),
        ("verifications", f"verify{many}", f"retrieveVerification{many}", validation.bulk_verification(kind)),
    )
    for what, start, retrieve, body in rows:
        path = f"{kind.path}/{what}"
        yield Endpoint("POST", path, partial(bulk.start, kind, what), start, body, 202, "AcceptedBulk")
        find = partial(bulk.retrieve, kind, what)
        yield Endpoint("GET", f"{path}/{{id}}", find, retrieve, response="BulkPage", query=_PAGING)


def _charge_endpoints(kind: AgreementKind) -> Iterator[Endpoint]:
    one, path = _capitalized(kind.create_member), subscriptions.charge_path(kind)
    yield Endpoint(
        "POST",
        path,
        partial(subscriptions.charge, kind),
        f"charge{one}",
        validation.AGREEMENT_CHARGE,
        response="SubscriptionCharge",
        keyed=True,
        documents_402=True,
    )
    find, name = partial(subscriptions.charge_status, kind), f"retrieve{one}ChargeStatus"
    yield Endpoint("GET", f"{path}/status", find, name, response="ChargeStatus", needs_key=True)


def _retrieve_endpoints(kind: AgreementKind) -> Iterator[Endpoint]:
    one = _capitalized(kind.create_member)
    yield Endpoint("GET", f"{kind.path}/{{id}}", partial(subscriptions.retrieve, kind), f"retrieve{one}", response=one)
    reference = (Parameter("externalReference", String(64, 1, forbidden=""), required=True),)
    find = partial(subscriptions.find_by_reference, kind)
    yield Endpoint("GET", kind.path, find, f"find{one}", response=one, query=reference)


def _capitalized(name: str) -> str:
    return name[0].upper() + name[1:]


# The busiest endpoints come first, literal paths before those with an id in the same place.
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "POST", "/v1/payments", payments.create, "createPayment", validation.CREATE_PAYMENT, 201, "CreatedPayment"
    ),
    Endpoint(
        "GET", "/v1/payments/{id}", payments.retrieve, "retrievePayment", response="RetrievedPayment", limited=True
    ),
    Endpoint(
        "POST",
        "/v1/payments/{id}/charges",
        charges.create,
        "chargePayment",
        validation.CHARGE,
        201,
        "CreatedCharge",
        keyed=True,
        documents_402=True,
    ),
    *_agreement_endpoints(SCHEDULED),
    *_agreement_endpoints(UNSCHEDULED),
    Endpoint(
        "POST",
        "/v1/charges/{id}/refunds",
        refunds.refund_charge,
        "refundCharge",
        validation.REFUND,
        201,
        "CreatedRefund",
        keyed=True,
    ),
    Endpoint(
        "POST",
        "/v1/payments/{id}/refunds",
        refunds.refund_payment,
        "refundPayment",
        validation.REFUND,
        201,
        "CreatedRefund",
        keyed=True,
    ),
    Endpoint("POST", "/v1/payments/{id}/cancels", cancels.create, "cancelPayment", validation.CANCEL, 204),
    Endpoint("PUT", "/v1/payments/{id}/terminate", payments.terminate, "terminatePayment", success=204),
    Endpoint(
        "PUT",
        "/v1/payments/{id}/referenceinformation",
        payments.update_reference,
        "updateReferenceInformation",
        validation.REFERENCE_INFORMATION,
        204,
    ),
    Endpoint(
        "PUT",
        "/v1/payments/{id}/myreference",
        payments.update_my_reference,
        "updateMyReference",
        validation.MY_REFERENCE,
        204,
    ),
    Endpoint("PUT", "/v1/payments/{id}/orderitems", payments.update_order, "updateOrder", validation.ORDER_UPDATE, 204),
    Endpoint("GET", "/v1/charges/{id}", charges.retrieve, "retrieveCharge", response="Charge"),
    Endpoint("GET", "/v1/refunds/{id}", refunds.retrieve, "retrieveRefund", response="Refund"),
    Endpoint("POST", "/v1/pending-refunds/{id}/cancel", refunds.cancel_pending, "cancelPendingRefund", success=204),
    Endpoint(
        "GET",
        "/v1/paymentmethods",
        payment_methods.find,
        "listPaymentMethods",
        response="PaymentMethod[]",
        query=(Parameter("Currency", String(3, 3, forbidden="")), Parameter("Enabled", Boolean())),
    ),
    Endpoint(
        "POST",
        "/v1/cardpayments",
        card_payments.create,
        "createCardPayment",
        validation.CARD_PAYMENT,
        201,
        "CreatedCardPayment",
        keyed=True,
    ),
    Endpoint(
        "GET",
        "/report/v1/balances",
        payouts.balances,
        "listBalances",
        response="Balances",
        query=(Parameter("fromDate", _DATE), Parameter("toDate", _DATE), Parameter("currencies", String(forbidden=""))),
    ),
    Endpoint(
        "GET",
        "/report/v1/payouts",
        payouts.find,
        "listPayouts",
        response="Payouts",
        query=(
            Parameter("fromDate", _DATE, required=True),
            Parameter("toDate", _DATE, required=True),
            Parameter("currency", String(3, 3, forbidden="")),
            *_PAGING,
        ),
    ),
    Endpoint("GET", "/report/v1/payouts/{id}", payouts.retrieve, "retrievePayout", response="Payout", query=_PAGING),
)
