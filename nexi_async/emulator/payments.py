"""Payments: create, retrieve, change what may be changed, terminate."""

from typing import Any
from urllib.parse import urlsplit

from nexi_async.emulator import events, timestamps, validation, views
from nexi_async.emulator.answers import NO_CONTENT, Answer, Refusal, conflict, failed, invalid, not_found
from nexi_async.emulator.books import SCHEDULED, UNSCHEDULED, AgreementKind, AgreementWish, Hook, Hooks, Payment
from nexi_async.emulator.fields import Faults, note
from nexi_async.emulator.moment import Call, Moment
from nexi_async.emulator.wire import JSON

LONGEST_SESSION = 45 * timestamps.DAY
_FAR_FUTURE_DAYS = 3 * 365


def create(moment: Moment, call: Call) -> Answer:
    """`POST /v1/payments`."""
    body = validation.read(validation.CREATE_PAYMENT, call.body)
    faults: Faults = {}
    hooks = read_hooks(moment, body, faults)
    wish = _read_wish(moment, body, faults)
    expires_at = _expiry(moment, body, faults)
    if faults:
        raise invalid(faults)
    payment = _new_payment(moment, call, body, expires_at=expires_at, hooks=hooks, wish=wish)
    moment.books.payments[payment.id] = payment
    if moment.settings.created_event_at == "create":
        events.payment_created(moment, payment)
    return Answer(201, views.created_payment(payment))


def retrieve(moment: Moment, call: Call) -> Answer:
    """`GET /v1/payments/{paymentId}`."""
    payment = find(moment, call)
    _count_retrieval(moment, payment)
    return Answer(200, {"payment": views.payment(payment, moment.settings)})


def update_reference(moment: Moment, call: Call) -> Answer:
    """`PUT /v1/payments/{paymentId}/referenceinformation`."""
    body = validation.read(validation.REFERENCE_INFORMATION, call.body)
    payment = find(moment, call)
    settings = moment.settings
    if settings.reference_set_once and payment.reference not in (None, body["reference"]):
        raise failed("1016", status=400)
    same_host = urlsplit(payment.checkout_url).hostname == urlsplit(body["checkoutUrl"]).hostname
    if settings.checkout_domain_locked and not same_host:
        raise failed("1017", status=400)
    payment.reference = body["reference"]
    payment.checkout_url = body["checkoutUrl"]
    return NO_CONTENT


def update_my_reference(moment: Moment, call: Call) -> Answer:
    """`PUT /v1/payments/{paymentId}/myreference`."""
    body = validation.read(validation.MY_REFERENCE, call.body)
    find(moment, call).my_reference = body.get("myReference")
    return NO_CONTENT


def update_order(moment: Moment, call: Call) -> Answer:
    """`PUT /v1/payments/{paymentId}/orderitems`, only before the shopper has paid."""
    body = validation.read(validation.ORDER_UPDATE, call.body)
    payment = find(moment, call)
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
    payment = find(moment, call)
    if payment.completed_at is not None:
        raise conflict("1004", "The checkout is completed, the payment cannot be terminated")
    if payment.terminated_at is None:
        payment.terminated_at = moment.now
    elif not moment.settings.terminate_again_allowed:
        raise conflict("1019", "The payment is already terminated")
    return NO_CONTENT


def find(moment: Moment, call: Call) -> Payment:
    """The payment that the path names.

    Raises:
        Refusal: 404 when there is none.
    """
    payment = moment.books.payments.get(call.id(moment))
    if payment is None:
        raise not_found()
    return payment


def read_hooks(moment: Moment, body: dict[str, Any], faults: Faults) -> Hooks:
    """The webhooks of a request body by event name; urls and authorizations are judged by the settings."""
    hooks: Hooks = {}
    for place, entry in enumerate(body.get("notifications", {}).get("webHooks", ())):
        path = f"notifications.webHooks[{place}]"
        if not validation.is_webhook_url(entry["url"], plain_http=moment.settings.plain_http_webhooks):
            note(faults, f"{path}.url", "Must be an https url")
        secret = entry.get("authorization", "")
        if moment.settings.alphanumeric_authorization and secret and not _is_alphanumeric(secret):
            note(faults, f"{path}.authorization", "Must be letters and digits only")
        hook = Hook(entry["eventName"], entry["url"], secret or None, _hook_headers(entry.get("headers")))
        hooks.setdefault(hook.event_name, []).append(hook)
    return hooks


def _is_alphanumeric(text: str) -> bool:
    return text.isascii() and text.isalnum()


def _hook_headers(headers: JSON) -> tuple[tuple[str, str], ...]:
    """Custom headers in any of the shapes that clients send; their official shape is not published."""
    if isinstance(headers, dict):
        headers = [{name: value} for name, value in headers.items()]
    pairs = [_header_pair(entry) for entry in headers or () if isinstance(entry, dict)]
    return tuple((name, value) for name, value in pairs if _is_header(name, value))


def _header_pair(entry: dict[str, Any]) -> tuple[Any, Any]:
    folded = {name.lower(): value for name, value in entry.items()}
    if "value" in folded:
        return folded.get("name", folded.get("key")), folded["value"]
    return next(iter(entry.items()), ("", ""))


def _is_header(name: JSON, value: JSON) -> bool:
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    return bool(name) and name.replace("-", "").isalnum() and name.isascii() and value.isprintable()


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
        agreement_id=known,
        interval=wanted.get("interval", 0),
        end_date=wanted.get("endDate", moment.now + _FAR_FUTURE_DAYS * timestamps.DAY),
        allow_variable_amount=wanted.get("allowVariableAmount", False),
    )


def _expiry(moment: Moment, body: dict[str, Any], faults: Faults) -> float:
    at: float = body["checkout"].get("expiresAt", moment.now + moment.settings.session_hours * timestamps.HOUR)
    if not moment.now < at <= moment.now + LONGEST_SESSION:
        note(faults, "checkout.expiresAt", "Must be in the future, at most 45 days ahead")
    return at


def _new_payment(
    moment: Moment,
    call: Call,
    body: dict[str, Any],
    *,
    expires_at: float,
    hooks: Hooks,
    wish: AgreementWish | None,
) -> Payment:
    payment_id = moment.new_id()
    order, checkout = body["order"], body["checkout"]
    hosted = checkout.get("integrationType") == "HostedPaymentPage"
    return Payment(
        id=payment_id,
        created=moment.now,
        amount=order["amount"],
        currency=order["currency"],
        items=order["items"],
        reference=order.get("reference"),
        checkout=checkout,
        checkout_url=views.hosted_url(call.base_url, moment, payment_id) if hosted else checkout["url"],
        expires_at=expires_at,
        hooks=hooks,
        my_reference=body.get("myReference"),
        fees=body.get("paymentMethods", []),
        configuration=body.get("paymentMethodsConfiguration", []),
        wish=wish,
    )


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
