"""Webhook events: the data of each of the fifteen, in the shape of recorded deliveries.

The v1 and v2 event of one occurrence carry the same id; v1 names the merchant `merchantId`, v2 `merchantNumber`.
"""

import orjson

from nexi_async.emulator._engine import timestamps
from nexi_async.emulator._engine.cards import Card
from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.state import Cancel, Charge, Delivery, Event, Payment, Refund, WebhookSubscription
from nexi_async.emulator._engine.wire import JSON, Document

SHOPPER_ADDRESS = "198.51.100.23"


def error(code: str, message: str, source: str = "Issuer") -> Document:
    return {"code": code, "message": message, "source": source}


def payment_created(context: Context, payment: Payment) -> None:
    """`payment.created`, once for a payment."""
    if payment.announced:
        return
    payment.announced = True
    data: Document = {"order": _order(payment)} | _my_reference(payment.my_reference)
    if payment.agreement_request is not None:
        data["subscriptionId"] = payment.agreement_request.agreement_id
    emit(context, payment, "payment.created", context.new_id(), data)


def checkout_completed(context: Context, payment: Payment) -> None:
    data = {"order": _order(payment), "consumer": _consumer(payment)} | _my_reference(payment.my_reference)
    emit(context, payment, "payment.checkout.completed", context.new_id(), data)


def reservation_created(context: Context, payment: Payment) -> None:
    reserve_id = payment.reserve_id or ""
    how: Document = {"paymentMethod": payment.paid_with.name, "paymentType": payment.paid_with.type}
    references = _my_reference(payment.my_reference) | {"reconciliationReference": payment.reconciliation_reference}
    money = _money(payment, payment.amount, payment.surcharge(payment.amount))
    rich: Document = {"cardDetails": _card_details(payment.card)} if payment.card else {}
    rich |= how | {"consumer": _payer(payment), "reservationReference": payment.reservation_reference}
    rich |= {"reserveId": reserve_id} | references | money
    emit(context, payment, "payment.reservation.created", reserve_id, rich)
    slim = how | _subscription(payment) | references | money
    emit(context, payment, "payment.reservation.created.v2", reserve_id, slim)


def reservation_failed(context: Context, payment: Payment, why: Document) -> None:
    data = {"error": why, "orderItems": payment.items} | _money(payment, payment.amount, 0)
    emit(context, payment, "payment.reservation.failed", context.new_id(), data)


def charge_created(context: Context, charge: Charge) -> None:
    _charge_events(context, charge, "payment.charge.created", {})


def charge_failed(context: Context, charge: Charge, why: Document) -> None:
    _charge_events(context, charge, "payment.charge.failed", {"error": why})


def cancel_created(context: Context, payment: Payment, cancel: Cancel) -> None:
    emit(context, payment, "payment.cancel.created", cancel.id, _cancel(payment, cancel))


def cancel_failed(context: Context, payment: Payment, cancel: Cancel, why: Document) -> None:
    emit(context, payment, "payment.cancel.failed", cancel.id, {"error": why} | _cancel(payment, cancel))


def refund_initiated(context: Context, refund: Refund) -> None:
    ids: Document = {"refundId": refund.id, "chargeId": refund.parts[0][0].id}
    rest = _my_reference(refund.my_reference) | _money(refund.payment, refund.amount, refund.surcharge)
    items: Document = {"orderItems": refund.items} if refund.items else {}
    emit(context, refund.payment, "payment.refund.initiated", refund.id, ids | items | rest)
    emit(context, refund.payment, "payment.refund.initiated.v2", refund.id, ids | rest)


def refund_completed(context: Context, refund: Refund) -> None:
    emit(context, refund.payment, "payment.refund.completed", context.new_id(), _settled_refund(refund))


def refund_failed(context: Context, refund: Refund, why: Document) -> None:
    data = {"error": why} | _settled_refund(refund)
    emit(context, refund.payment, "payment.refund.failed", context.new_id(), data)


def emit(context: Context, payment: Payment, name: str, event_id: str, data: Document) -> None:
    """Add an event to the state, and a pending delivery for each of the payment's webhooks for it."""
    number = len(context.state.events) + 1
    event = Event(number, event_id, name, context.now, payment.id, data | {"paymentId": payment.id})
    context.state.add_event(event)
    webhooks = payment.webhooks.get(name)
    if webhooks:
        body = orjson.dumps(envelope(context, event))
        for webhook in webhooks:
            _send(context, event, webhook, body)


def envelope(context: Context, event: Event) -> Document:
    """The delivered JSON document of an event."""
    is_v2 = event.name.endswith(".v2")
    number = context.settings.merchant_number
    timestamp = timestamps.render(event.at, context.settings.event_offset_minutes)
    if context.settings.event_shape == "docs":
        merchant = {"merchantId": 0 if is_v2 else number, "merchantNumber": number if is_v2 else 0}
        head = {"id": event.id, "timestamp": timestamp} | merchant
        return head | {"event": event.name, "data": _with_strings(event.data)}
    if is_v2:
        head = {"id": event.id, "timestamp": timestamp, "merchantNumber": number}
    else:
        head = {"id": event.id, "merchantId": number, "timestamp": timestamp}
    return head | {"event": event.name, "data": event.data}


def _send(context: Context, event: Event, webhook: WebhookSubscription, body: bytes) -> None:
    settings, random_source, state = context.settings, context.random_source, context.state
    if random_source.happens(settings.event_drop_rate):
        return
    for _ in range(2 if random_source.happens(settings.event_duplicate_rate) else 1):
        due = context.now + random_source.up_to(settings.event_shuffle_seconds)
        state.add_delivery(Delivery(len(state.deliveries) + 1, event, webhook, body, due))


def _charge_events(context: Context, charge: Charge, name: str, why: Document) -> None:
    payment = charge.payment
    items: Document = {"orderItems": charge.items} if charge.items else {}
    rest = {"reconciliationReference": charge.reconciliation_reference} | _my_reference(
        charge.my_reference or payment.my_reference
    )
    rest |= _money(payment, charge.amount, charge.surcharge)
    v1 = why | {"chargeId": charge.id} | _invoice(charge) | items
    if payment.reserve_id:
        v1["reservationId"] = payment.reserve_id
    emit(context, payment, name, charge.id, v1 | rest)
    how = {"paymentMethod": payment.paid_with.name, "paymentType": payment.paid_with.type}
    v2 = why | {"chargeId": charge.id} | items | how | _subscription(payment) | rest
    emit(context, payment, f"{name}.v2", charge.id, v2)


def _money(payment: Payment, amount: int, surcharge: int) -> Document:
    return {"amount": {"amount": amount, "currency": payment.currency}, "surchargeAmount": surcharge}


def _my_reference(text: str | None) -> Document:
    return {"myReference": text} if text else {}


def _subscription(payment: Payment) -> Document:
    return {"subscriptionId": payment.agreement.id} if payment.agreement else {}


def _order(payment: Payment) -> Document:
    order: Document = {"amount": {"amount": payment.amount, "currency": payment.currency}}
    if payment.reference:
        order["reference"] = payment.reference
    return order | {"orderItems": payment.items}


def _cancel(payment: Payment, cancel: Cancel) -> Document:
    items: Document = {"orderItems": cancel.items} if cancel.items else {}
    money = _money(payment, cancel.amount, cancel.surcharge)
    return {"cancelId": cancel.id} | items | _my_reference(payment.my_reference) | money


def _settled_refund(refund: Refund) -> Document:
    invoice = _invoice(refund.parts[0][0])
    data = {"refundId": refund.id} | invoice | {"reconciliationReference": refund.reconciliation_reference}
    return data | _money(refund.payment, refund.amount, refund.surcharge)


def _invoice(charge: Charge) -> Document:
    if charge.invoice_number is None:
        return {}
    details = {
        "distributionType": "Email",
        "invoiceDueDate": timestamps.render_date(charge.created + 30 * timestamps.DAY) + "T00:00:00",
        "invoiceNumber": charge.invoice_number,
    }
    if charge.payment.reference:
        details["yourReference"] = charge.payment.reference
    return {"invoiceDetails": details}


def _card_details(card: Card) -> Document:
    return {
        "creditDebitIndicator": "D",
        "expiryMonth": int(card.expiry[:2]),
        "expiryYear": int(card.expiry[2:]),
        "issuerCountry": "NO",
        "truncatedPan": card.masked_pan,
        "threeDSecure": {"authenticationEnrollmentStatus": "Y", "authenticationStatus": "Y", "eci": "05"},
    }


def _payer(payment: Payment) -> Document:
    """Recorded reservations of shoppers whom the merchant described carry the address of their machine alone."""
    return {"ip": SHOPPER_ADDRESS} if payment.checkout.get("merchantHandlesConsumerData") else _consumer(payment)


def _consumer(payment: Payment) -> Document:
    """The consumer as events write it: `postcode` where the API says `postalCode`."""
    consumer = payment.checkout.get("consumer", {})
    person = consumer.get("privatePerson") or consumer.get("company", {}).get("contact", {})
    data: Document = {name: person[name] for name in ("firstName", "lastName") if name in person}
    for name in ("billingAddress", "shippingAddress"):
        address = consumer.get(name) or consumer.get("shippingAddress")
        if address:
            data[name] = {"postcode" if key == "postalCode" else key: value for key, value in address.items()}
            data["country"] = address["country"]
    data |= {name: consumer[name] for name in ("email", "phoneNumber") if name in consumer}
    if "reference" in consumer:
        data["merchantReference"] = consumer["reference"]
    return data | {"ip": SHOPPER_ADDRESS}


def _with_strings(value: JSON) -> JSON:
    """The same with every number as a string, as the reference's samples print them."""
    if isinstance(value, dict):
        return {name: _with_strings(content) for name, content in value.items()}
    if isinstance(value, list):
        return [_with_strings(entry) for entry in value]
    return f"{value:g}" if isinstance(value, float) else str(value) if type(value) is int else value
