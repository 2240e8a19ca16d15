"""The shopper's own data, which the checkout collects unless the merchant sends it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._engine.wire import Document

_ADDRESS: Mapping[str, str] = MappingProxyType(
    {"addressLine1": "Storgatan 1", "postalCode": "11122", "city": "Stockholm", "country": "SWE"}
)
SHOPPER: Mapping[str, Any] = MappingProxyType(
    {
        "email": "shopper@example.com",
        "phoneNumber": {"prefix": "+46", "number": "700000000"},
        "privatePerson": {"firstName": "Alva", "lastName": "Ek"},
        "shippingAddress": dict(_ADDRESS),
    }
)
"""The default shopper, in the form of `checkout.consumer` of create payment."""

FORM_FIELDS = ("email", "firstName", "lastName", "addressLine1", "postalCode", "city", "country")


def is_asked(payment: Payment, settings: Settings) -> bool:
    """Whether the checkout collects the shopper's data itself."""
    return settings.shopper_gives_details and not payment.checkout.get("merchantHandlesConsumerData")


def give_details(payment: Payment, settings: Settings, details: Mapping[str, Any] | None = None) -> None:
    """Note what the shopper leaves; what the merchant has sent already stays, as the form shows it filled in."""
    if not is_asked(payment, settings):
        return
    given = payment.checkout.get("consumer", {})
    own = dict(SHOPPER if details is None else details)
    if "company" in given:
        own.pop("privatePerson", None)
    payment.checkout = payment.checkout | {"consumer": own | {name: it for name, it in given.items() if it}}


def shown(payment: Payment) -> dict[str, str]:
    """What the form shows filled in, by the names of its fields."""
    consumer = dict(SHOPPER) | payment.checkout.get("consumer", {})
    members = consumer["privatePerson"] | consumer["shippingAddress"] | {"email": consumer["email"]}
    return {name: members.get(name, "") for name in FORM_FIELDS}


def from_form(form: Mapping[str, str]) -> Document | None:
    """The shopper's data as typed into the form; None if the form had no such fields."""
    if "email" not in form:
        return None
    typed = {name: form[name].strip() for name in FORM_FIELDS if form.get(name, "").strip()}
    person = {name: typed.pop(name) for name in ("firstName", "lastName") if name in typed}
    email = {"email": typed.pop("email")} if "email" in typed else {}
    document: Document = email | ({"privatePerson": person} if person else {})
    return document | ({"shippingAddress": typed} if typed else {})
