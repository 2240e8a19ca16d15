"""The endpoints of the API: the operation that handles each, what it takes, and what it answers with."""

import re
from collections.abc import Callable, Iterator
from functools import partial

from attrs import field, frozen

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

Operation = Callable[[Context, APIRequest], APIResponse]


@frozen
class Parameter:
    name: str
    kind: FieldType
    required: bool = False


@frozen
class Endpoint:
    """One endpoint of the API.

    Attributes:
        path: The path in lower case; an id in it is called `{id}`.
        operation: The function that handles its requests, whose bodies have been read as `body` says.
        name: Its name in the OpenAPI document.
        body: What its request bodies must have; None if it takes none.
        response: The name of the schema of its response, with `[]` for a list of them; None for an empty response.
        success: The status of success; 204 without a response, 201 for POST and 200 for GET unless said otherwise.
        keyed: It accepts an `Idempotency-Key`.
        needs_key: It asks about a key, which it needs.
        documents_402: The reference lists 402 among its errors.
        limited: Too many requests get 429.
    """

    method: str
    path: str
    operation: Operation
    name: str
    body: Object | None = None
    response: str | None = None
    success: int = field()
    query: tuple[Parameter, ...] = ()
    keyed: bool = False
    needs_key: bool = False
    documents_402: bool = False
    limited: bool = False

    @success.default
    def _usual_success(self) -> int:
        return 204 if self.response is None else 201 if self.method == "POST" else 200


_DATE = String(10, 10, forbidden="", pattern=re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}"))
_PAGING = tuple(Parameter(name, Integer(0)) for name in ("skip", "take", "pageNumber", "pageSize"))


_CURRENCY = String(3, 3, forbidden="")
_METHODS = (Parameter("Currency", _CURRENCY), Parameter("Enabled", Boolean()))
_BALANCES = (Parameter("fromDate", _DATE), Parameter("toDate", _DATE), Parameter("currencies", String(forbidden="")))
_PAYOUTS = (
    Parameter("fromDate", _DATE, required=True),
    Parameter("toDate", _DATE, required=True),
    Parameter("currency", _CURRENCY),
    *_PAGING,
)


def _refund_endpoint(path: str, operation: Operation, name: str) -> Endpoint:
    return Endpoint("POST", path, operation, name, validation.REFUND, "CreatedRefund", keyed=True)


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
        yield Endpoint("POST", path, partial(bulk.start, kind, what), start, body, "AcceptedBulk", 202)
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
        "SubscriptionCharge",
        200,
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
    Endpoint("POST", "/v1/payments", payments.create, "createPayment", validation.CREATE_PAYMENT, "CreatedPayment"),
    Endpoint(
        "GET", "/v1/payments/{id}", payments.retrieve, "retrievePayment", response="RetrievedPayment", limited=True
    ),
    Endpoint(
        "POST",
        "/v1/payments/{id}/charges",
        charges.create,
        "chargePayment",
        validation.CHARGE,
        "CreatedCharge",
        keyed=True,
        documents_402=True,
    ),
    *_agreement_endpoints(SCHEDULED),
    *_agreement_endpoints(UNSCHEDULED),
    _refund_endpoint("/v1/charges/{id}/refunds", refunds.refund_charge, "refundCharge"),
    _refund_endpoint("/v1/payments/{id}/refunds", refunds.refund_payment, "refundPayment"),
    Endpoint("POST", "/v1/payments/{id}/cancels", cancels.create, "cancelPayment", validation.CANCEL),
    Endpoint("PUT", "/v1/payments/{id}/terminate", payments.terminate, "terminatePayment"),
    Endpoint(
        "PUT",
        "/v1/payments/{id}/referenceinformation",
        payments.update_reference,
        "updateReferenceInformation",
        validation.REFERENCE_INFORMATION,
    ),
    Endpoint(
        "PUT",
        "/v1/payments/{id}/myreference",
        payments.update_my_reference,
        "updateMyReference",
        validation.MY_REFERENCE,
    ),
    Endpoint("PUT", "/v1/payments/{id}/orderitems", payments.update_order, "updateOrder", validation.ORDER_UPDATE),
    Endpoint("GET", "/v1/charges/{id}", charges.retrieve, "retrieveCharge", response="Charge"),
    Endpoint("GET", "/v1/refunds/{id}", refunds.retrieve, "retrieveRefund", response="Refund"),
    Endpoint("POST", "/v1/pending-refunds/{id}/cancel", refunds.cancel_pending, "cancelPendingRefund"),
    Endpoint(
        "GET",
        "/v1/paymentmethods",
        payment_methods.find,
        "listPaymentMethods",
        response="PaymentMethod[]",
        query=_METHODS,
    ),
    Endpoint(
        "POST",
        "/v1/cardpayments",
        card_payments.create,
        "createCardPayment",
        validation.CARD_PAYMENT,
        "CreatedCardPayment",
        keyed=True,
    ),
    Endpoint("GET", "/report/v1/balances", payouts.balances, "listBalances", response="Balances", query=_BALANCES),
    Endpoint("GET", "/report/v1/payouts", payouts.find, "listPayouts", response="Payouts", query=_PAYOUTS),
    Endpoint("GET", "/report/v1/payouts/{id}", payouts.retrieve, "retrievePayout", response="Payout", query=_PAGING),
)
