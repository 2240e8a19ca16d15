"""Payments: create, retrieve, change what may be changed, terminate."""

from typing import Any
from urllib.parse import urlsplit

from attrs import evolve

from nexi_async.emulator import _events as events
from nexi_async.emulator import _timestamps as timestamps
from nexi_async.emulator import _validation as validation
from nexi_async.emulator import _views as views
from nexi_async.emulator._context import Call, Moment
from nexi_async.emulator._fields import Faults, note
from nexi_async.emulator._notifications import read_hooks
from nexi_async.emulator._responses import NO_CONTENT, Answer, Refusal, conflict, failed, invalid
from nexi_async.emulator._settings import Settings
from nexi_async.emulator._state import SCHEDULED, UNSCHEDULED, AgreementKind, AgreementWish, Hooks, Payment

LONGEST_SESSION = 45 * timestamps.DAY
_FAR_FUTURE_DAYS = 3 * 365


def create(moment: Moment, call: Call) -> Answer:
    """`POST /v1/payments`."""
    try:
        return _create(moment, call)
    except Refusal as refusal:
        raise Refusal(_with_paths_as_told(refusal.answer, moment.settings)) from None


def _create(moment: Moment, call: Call) -> Answer:
    body = validation.read(validation.CREATE_PAYMENT, call.body, moment.settings)
    faults = Faults(moment.settings)
    hooks = read_hooks(moment, body, faults)
    wish = _read_wish(moment, body, faults)
    expires_at = _expiry(moment, body, faults)
    if faults:
        raise invalid(faults.by_path)
    payment = new_payment(moment, body["order"], hooks, body.get("myReference"))
    payment.checkout, payment.expires_at, payment.wish = body["checkout"], expires_at, wish
    payment.checkout_url = _checkout_url(moment, call, payment)
    payment.fees = body.get("paymentMethods", [])
    payment.configuration = body.get("paymentMethodsConfiguration", [])
    if moment.settings.created_event_at == "create":
        events.payment_created(moment, payment)
    return Answer(201, views.created_payment(payment, moment.settings))


def _with_paths_as_told(answer: Answer, settings: Settings) -> Answer:
    """Plugin code of 2018 reads `amount` where later readers expect `order.amount`."""
    if settings.create_error_paths == "full":
        return answer
    errors = answer.body["errors"]
    return evolve(answer, body={"errors": {path.removeprefix("order."): texts for path, texts in errors.items()}})


def retrieve(moment: Moment, call: Call) -> Answer:
    """`GET /v1/payments/{paymentId}`."""
    payment = call.find(moment, moment.books.payments)
    _count_retrieval(moment, payment)
    return Answer(200, {"payment": views.payment(payment, moment.settings)})


def update_reference(moment: Moment, call: Call) -> Answer:
    """`PUT /v1/payments/{paymentId}/referenceinformation`."""
    body = validation.read(validation.REFERENCE_INFORMATION, call.body, moment.settings)
    payment = call.find(moment, moment.books.payments)
    settings = moment.settings
    if settings.reference_set_once and payment.reference not in (None, body["reference"]):
        raise failed("1016", status=400)
    moves = _host_of(body["checkoutUrl"]) != _host_of(payment.checkout_url)
    if settings.checkout_domain_locked and moves:
        raise failed("1017", status=400)
    payment.reference = body["reference"]
    payment.checkout_url = body["checkoutUrl"]
    return NO_CONTENT


def update_my_reference(moment: Moment, call: Call) -> Answer:
    """`PUT /v1/payments/{paymentId}/myreference`."""
    body = validation.read(validation.MY_REFERENCE, call.body, moment.settings)
    call.find(moment, moment.books.payments).my_reference = body.get("myReference")
    return NO_CONTENT


def update_order(moment: Moment, call: Call) -> Answer:
    """`PUT /v1/payments/{paymentId}/orderitems`, only before the shopper has paid."""
    body = validation.read(validation.ORDER_UPDATE, call.body, moment.settings)
    payment = call.find(moment, moment.books.payments)
    if payment.completed_at is not None:
        raise conflict("1004")
    if payment.terminated_at is not None:
        raise conflict("1019", "The payment is terminated")
    amount, items = body.get("amount", payment.amount), body.get("items", payment.items)
    if amount != sum(item["grossTotalAmount"] for item in items):
        raise invalid({"amount": [validation.SUM_DIFFERS]})
    if amount == 0 and payment.wish is None:
        raise invalid({"amount": [validation.NOT_POSITIVE]})
    payment.amount, payment.items = amount, items
    payment.fees = body.get("paymentMethods", payment.fees)
    cost_specified = body.get("shipping", {}).get("costSpecified", False)
    payment.shipping_cost_specified = payment.shipping_cost_specified or cost_specified
    return NO_CONTENT


def terminate(moment: Moment, call: Call) -> Answer:
    """`PUT /v1/payments/{paymentId}/terminate`, only before the shopper has paid."""
    payment = call.find(moment, moment.books.payments)
    if payment.completed_at is not None:
        raise conflict("1004", "The checkout is completed, the payment cannot be terminated")
    if payment.terminated_at is None:
        payment.terminated_at = moment.now
    elif not moment.settings.terminate_again_allowed:
        raise conflict("1019", "The payment is already terminated")
    return NO_CONTENT


def new_payment(moment: Moment, order: dict[str, Any], hooks: Hooks, my_reference: str | None) -> Payment:
    """A payment of an order, in the books and without a checkout."""
    payment = Payment(
        id=moment.new_id(),
        created=moment.now,
        amount=order["amount"],
        currency=order["currency"],
        items=order["items"],
        reference=order.get("reference"),
        expires_at=moment.now,
        hooks=hooks,
        my_reference=my_reference,
    )
    moment.books.payments[payment.id] = payment
    return payment


def _read_wish(moment: Moment, body: dict[str, Any], faults: Faults) -> AgreementWish | None:
    if "subscription" in body:
        wanted = body["subscription"]
        return _wish(moment, SCHEDULED, wanted, faults)
    wanted = body.get("unscheduledSubscription", {})
    if wanted.get("create") or "unscheduledSubscriptionId" in wanted:
        return _wish(moment, UNSCHEDULED, wanted, faults)
    return None


def _wish(moment: Moment, kind: AgreementKind, wanted: dict[str, Any], faults: Faults) -> AgreementWish:
    known = wanted.get(kind.id_member)
    if known is not None and known not in moment.books.agreements[kind.name]:
        note(faults, f"{kind.create_member}.{kind.id_member}", "Is not a known subscription")
    return AgreementWish(
        kind=kind,
        agreement_id=known or moment.new_id(),
        is_update=known is not None,
        interval=wanted.get("interval", 0),
        end_date=wanted.get("endDate", moment.now + _FAR_FUTURE_DAYS * timestamps.DAY),
        allow_variable_amount=wanted.get("allowVariableAmount", False),
    )


def _checkout_url(moment: Moment, call: Call, payment: Payment) -> str:
    if payment.checkout.get("integrationType") == "HostedPaymentPage":
        return views.hosted_url(call.base_url, moment, payment.id)
    return str(payment.checkout["url"])


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _expiry(moment: Moment, body: dict[str, Any], faults: Faults) -> float:
    at: float = body["checkout"].get("expiresAt", moment.now + moment.settings.session_hours * timestamps.HOUR)
    if not moment.now < at <= moment.now + LONGEST_SESSION:
        note(faults, "checkout.expiresAt", "Must be in the future, at most 45 days ahead")
    return at


def _count_retrieval(moment: Moment, payment: Payment) -> None:
    """Count one retrieval; each window of an hour starts with the first one after the last window."""
    limit = moment.settings.retrieves_per_hour
    start, count = payment.retrieve_window
    if moment.now >= start + timestamps.HOUR:
        start, count = moment.now, 0
    if limit is not None and count >= limit:
        seconds = max(1, int(start + timestamps.HOUR - moment.now) + 1)
        raise Refusal(Answer(429, headers={"Retry-After": str(seconds)}))
    payment.retrieve_window = (start, count + 1)
