"""Payments: create, retrieve, change what may be changed, terminate."""

from typing import Any

from nexi_async.emulator._engine import events, timestamps, validation, views
from nexi_async.emulator._engine.addresses import split
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.fields import FieldErrors
from nexi_async.emulator._engine.responses import NO_CONTENT, APIResponse, Refusal, conflict, failed, invalid
from nexi_async.emulator._engine.state import (
    SCHEDULED,
    UNSCHEDULED,
    AgreementKind,
    AgreementRequest,
    Payment,
    WebhookSubscriptions,
)
from nexi_async.emulator._engine.webhooks import webhooks_of

LONGEST_SESSION = 45 * timestamps.DAY
_SESSION = 48 * timestamps.HOUR  # without `expiresAt`; an assumption
_FAR_FUTURE_DAYS = 3 * 365


def create(context: Context, request: APIRequest) -> APIResponse:
    body, errors = request.body, FieldErrors(context.settings)
    agreement_request = _read_agreement_request(context, body, errors)
    expires_at = _expiry(context, body, errors)
    errors.raise_any()
    payment = new_payment(context, body["order"], webhooks_of(body), body.get("myReference"))
    payment.checkout, payment.expires_at, payment.agreement_request = body["checkout"], expires_at, agreement_request
    payment.checkout_url = _checkout_url(context, request, payment)
    payment.fees = body.get("paymentMethods", [])
    payment.configuration = body.get("paymentMethodsConfiguration", [])
    if context.settings.created_event_at == "create":
        events.payment_created(context, payment)
    return APIResponse(201, views.created_payment(payment, context.settings))


def retrieve(context: Context, request: APIRequest) -> APIResponse:
    payment = request.find(context, context.state.payments)
    _count_retrieval(context, payment)
    return APIResponse(200, {"payment": views.payment(payment, context.settings)})


def update_reference(context: Context, request: APIRequest) -> APIResponse:
    body, settings = request.body, context.settings
    payment = request.find(context, context.state.payments)
    if settings.reference_set_once and payment.reference not in (None, body["reference"]):
        raise failed("1016", status=400)
    moves = _host_of(body["checkoutUrl"]) != _host_of(payment.checkout_url)
    if settings.checkout_domain_locked and moves:
        raise failed("1017", status=400)
    payment.reference = body["reference"]
    payment.checkout_url = body["checkoutUrl"]
    return NO_CONTENT


def update_my_reference(context: Context, request: APIRequest) -> APIResponse:
    request.find(context, context.state.payments).my_reference = request.body.get("myReference")
    return NO_CONTENT


def update_order(context: Context, request: APIRequest) -> APIResponse:
    """`PUT /v1/payments/{paymentId}/orderitems`, only before the shopper has paid."""
    body = request.body
    payment = request.find(context, context.state.payments)
    if payment.completed_at is not None:
        raise conflict("1004")
    if payment.terminated_at is not None:
        raise conflict("1019", "The payment is terminated")
    amount, items = body.get("amount", payment.amount), body.get("items", payment.items)
    if amount != sum(item["grossTotalAmount"] for item in items):
        raise invalid({"amount": [validation.SUM_DIFFERS]})
    if amount == 0 and payment.agreement_request is None:
        raise invalid({"amount": [validation.NOT_POSITIVE]})
    payment.amount, payment.items = amount, items
    payment.fees = body.get("paymentMethods", payment.fees)
    cost_specified = body.get("shipping", {}).get("costSpecified", False)
    payment.shipping_cost_specified = payment.shipping_cost_specified or cost_specified
    return NO_CONTENT


def terminate(context: Context, request: APIRequest) -> APIResponse:
    """`PUT /v1/payments/{paymentId}/terminate`, only before the shopper has paid."""
    payment = request.find(context, context.state.payments)
    if payment.completed_at is not None:
        raise conflict("1004", "The checkout is completed, the payment cannot be terminated")
    if payment.terminated_at is None:
        payment.terminated_at = context.now
    elif not context.settings.terminate_again_allowed:
        raise conflict("1019", "The payment is already terminated")
    return NO_CONTENT


def new_payment(
    context: Context, order: dict[str, Any], webhooks: WebhookSubscriptions, my_reference: str | None
) -> Payment:
    """A new payment of an order, added to the state, without a checkout."""
    payment = Payment(
        id=context.new_id(),
        created=context.now,
        amount=order["amount"],
        currency=order["currency"],
        items=order["items"],
        reference=order.get("reference"),
        expires_at=context.now,
        webhooks=webhooks,
        my_reference=my_reference,
    )
    context.state.add_payment(payment)
    return payment


def _read_agreement_request(context: Context, body: dict[str, Any], errors: FieldErrors) -> AgreementRequest | None:
    if "subscription" in body:
        wanted = body["subscription"]
        return _agreement_request(context, SCHEDULED, wanted, errors)
    wanted = body.get("unscheduledSubscription", {})
    if wanted.get("create") or "unscheduledSubscriptionId" in wanted:
        return _agreement_request(context, UNSCHEDULED, wanted, errors)
    return None


def _agreement_request(
    context: Context, kind: AgreementKind, wanted: dict[str, Any], errors: FieldErrors
) -> AgreementRequest:
    known = wanted.get(kind.id_member)
    if known is not None and known not in context.state.agreements[kind.name]:
        errors.add(f"{kind.create_member}.{kind.id_member}", "Is not a known subscription")
    return AgreementRequest(
        kind=kind,
        agreement_id=known or context.new_id(),
        is_update=known is not None,
        interval=wanted.get("interval", 0),
        end_date=wanted.get("endDate", context.now + _FAR_FUTURE_DAYS * timestamps.DAY),
        allow_variable_amount=wanted.get("allowVariableAmount", False),
    )


def _checkout_url(context: Context, request: APIRequest, payment: Payment) -> str:
    if payment.checkout.get("integrationType") == "HostedPaymentPage":
        return views.hosted_url(request.base_url, context, payment.id)
    return str(payment.checkout["url"])


def _host_of(url: str) -> str | None:
    parts = split(url)
    return None if parts is None else parts.hostname


def _expiry(context: Context, body: dict[str, Any], errors: FieldErrors) -> float:
    at: float = body["checkout"].get("expiresAt", context.now + _SESSION)
    if not context.now < at <= context.now + LONGEST_SESSION:
        errors.add("checkout.expiresAt", "Must be in the future, at most 45 days ahead")
    return at


def _count_retrieval(context: Context, payment: Payment) -> None:
    """Count one retrieval; each window of an hour starts with the first one after the last window."""
    limit = context.settings.retrieves_per_hour
    start, count = payment.retrieve_window
    if context.now >= start + timestamps.HOUR:
        start, count = context.now, 0
    if limit is not None and count >= limit:
        seconds = max(1, int(start + timestamps.HOUR - context.now) + 1)
        raise Refusal(APIResponse(429, headers={"Retry-After": str(seconds)}))
    payment.retrieve_window = (start, count + 1)
