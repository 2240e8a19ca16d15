"""The JSON documents of the API, made from the state; members are left out where the API leaves them out."""

from nexi_async.emulator._engine import timestamps
from nexi_async.emulator._engine.cards import Card
from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.methods import Method
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.state import Agreement, Cancel, Charge, Payment, Refund
from nexi_async.emulator._engine.wire import JSON, Document


def hosted_url(base_url: str, context: Context, payment_id: str) -> str:
    """Where the shopper pays."""
    return f"{base_url}/hostedpaymentpage/?checkoutKey={context.checkout_key}&pid={payment_id}"


def created_payment(payment: Payment, settings: Settings) -> Document:
    """The response to create payment."""
    document: Document = {"paymentId": payment.id}
    if settings.show_expiry_on_create:
        document["expiresAt"] = timestamps.render(payment.expires_at)
    if payment.checkout.get("integrationType") == "HostedPaymentPage":
        document["hostedPaymentPageUrl"] = payment.checkout_url
    return document


def created_charge(charge: Charge) -> Document:
    """The response to charge payment."""
    document: Document = {"chargeId": charge.id}
    if charge.invoice_number:
        document["invoice"] = {"invoiceNumber": charge.invoice_number}
    return document


def payment(payment: Payment, settings: Settings) -> Document:
    """The `payment` object of retrieve payment."""
    document: Document = {
        "paymentId": payment.id,
        "summary": _summary(payment, settings),
        "consumer": _consumer(payment.checkout.get("consumer", {})),
        "paymentDetails": _payment_details(payment),
        "orderDetails": _without_none(amount=payment.amount, currency=payment.currency, reference=payment.reference),
        "checkout": _without_none(url=payment.checkout_url, cancelUrl=payment.checkout.get("cancelUrl")),
        "created": timestamps.render(payment.created),
    }
    if payment.checkout:
        document["expiresAt"] = timestamps.render(payment.expires_at)
    return document | _progress(payment, settings) | _without_none(myReference=payment.my_reference or None)


def _progress(payment: Payment, settings: Settings) -> Document:
    """What became of a payment: its refunds and charges, its end, its agreement."""
    document: Document = {}
    if payment.refunds or settings.show_empty_lists:
        document["refunds"] = [_refund_entry(refund) for refund in payment.refunds]
    if payment.charges or settings.show_empty_lists:
        document["charges"] = [_charge_entry(charge) for charge in payment.charges]
    if payment.terminated_at is not None:
        document["terminated"] = timestamps.render(payment.terminated_at)
    if payment.agreement is not None:
        kind = payment.agreement.kind
        name = "id" if kind.name == "scheduled" else kind.id_member
        document[kind.create_member] = {name: payment.agreement.id}
    return document


def charge(charge: Charge) -> Document:
    """The response to retrieve charge."""
    return booked("chargeId", charge) | _invoice_link(charge)


def refund(refund: Refund) -> Document:
    """The response to retrieve refund; it has no state, which only retrieve payment shows."""
    return booked("refundId", refund) | _invoice_link(refund.parts[0][0])


def booked(id_member: str, entry: Charge | Refund | Cancel) -> Document:
    """The id and the amounts of a charge, refund or cancel."""
    return {id_member: entry.id, "amount": entry.amount, "surchargeAmount": entry.surcharge}


def agreement(agreement: Agreement) -> Document:
    """The response to retrieve subscription or unscheduled subscription."""
    document: Document = {agreement.kind.id_member: agreement.id}
    if agreement.kind.name == "scheduled":
        end_date = timestamps.render(agreement.end_date)
        document |= {"frequency": 0, "interval": agreement.interval, "endDate": end_date}
    return document | {"paymentDetails": _method(agreement.method) | {"cardDetails": _card(agreement.card)}}


def _summary(payment: Payment, settings: Settings) -> Document:
    shown = payment.released if settings.final_charge_shows_as_cancelled else 0
    completed = [refund.surcharge for refund in payment.refunds if refund.state == "Completed"]
    amounts = {
        "reservedAmount": payment.reserved,
        "reservedSurchargeAmount": payment.surcharge(payment.reserved),
        "chargedAmount": payment.charged,
        "chargedSurchargeAmount": sum(charge.surcharge for charge in payment.charges),
        "refundedAmount": payment.refunded,
        "refundedSurchargeAmount": sum(completed),
        "cancelledAmount": payment.cancelled + shown,
        "cancelledSurchargeAmount": payment.surcharge(payment.cancelled + shown),
    }
    return {name: amount for name, amount in amounts.items() if amount}


def _consumer(given: Document) -> Document:
    """The consumer; whatever is unknown is there as an empty object, as recorded."""
    phone = given.get("phoneNumber", {})
    contact = _without_none(email=given.get("email"), merchantReference=given.get("reference"))
    company, person = given.get("company"), given.get("privatePerson")
    document: Document = {
        "shippingAddress": given.get("shippingAddress", {}),
        "company": {"contactDetails": {"phoneNumber": {}}},
        "privatePerson": {"phoneNumber": {}},
        "billingAddress": given.get("billingAddress", given.get("shippingAddress", {})),
    }
    if company is not None:
        reference = contact.pop("merchantReference", None)
        details = company.get("contact", {}) | contact | {"phoneNumber": phone}
        document["company"] = _without_none(
            name=company.get("name"), merchantReference=reference, contactDetails=details
        )
    elif given:
        document["privatePerson"] = (person or {}) | contact | {"phoneNumber": phone}
    return document


def _payment_details(payment: Payment) -> Document:
    details: Document = {"invoiceDetails": {}, "cardDetails": {}}
    if payment.method is not None:
        details |= _method(payment.method)
    if payment.card is not None:
        details["cardDetails"] = _card(payment.card)
    if payment.charges and payment.charges[0].invoice_number:
        details["invoiceDetails"] = {"invoiceNumber": payment.charges[0].invoice_number}
    return details


def _method(method: Method) -> Document:
    return {"paymentType": method.type, "paymentMethod": method.name}


def _card(card: Card) -> Document:
    return {"expiryDate": card.expiry, "maskedPan": card.masked_pan}


def _charge_entry(charge: Charge) -> Document:
    made = {"created": timestamps.render(charge.created), "orderItems": charge.items}
    return booked("chargeId", charge) | made


def _refund_entry(refund: Refund) -> Document:
    reached = {"state": refund.state, "lastUpdated": timestamps.render(refund.updated), "orderItems": refund.items}
    return booked("refundId", refund) | reached


def _invoice_link(charge: Charge) -> Document:
    if charge.invoice_number is None:
        return {}
    return {"invoiceDetails": {"link": f"https://invoices.example/{charge.invoice_number}"}}


def _without_none(**members: JSON) -> Document:
    return {name: value for name, value in members.items() if value is not None}
