"""The form of the checkout: what a shopper typed, what is wrong with it, and what it is shown with."""

import re
from collections.abc import Mapping

from attrs import field, frozen

from nexi_async.emulator._engine import cards, checkout, shopper, validation
from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.methods import currencies_of
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._engine.wire import Document

_DEFAULT_CVC = "123"
_CVC = re.compile(r"\d{3,4}", re.ASCII)
_CLOSED = frozenset({"1004", "1010", "1019"})
_SPECIFIC = frozenset({"email", "postalCode"})

BRANDS: Mapping[str, str] = {
    "AmericanExpress": "American Express",
    "ApplePay": "Apple Pay",
    "GooglePay": "Google Pay",
    "MasterCard": "Mastercard",
}
"""Payment methods whose shoppers know them by another name than the API's; invoices are named by the languages."""


@frozen
class Typed:
    """What the form was sent with; fields that a program left out have the values of a shopper who pays.

    Attributes:
        action: The button: `pay`, `decline`, `cancel`, or `check`, which only looks for problems.
        values: What the form shows filled in, by the names of its fields.
        details: The shopper's data in the form of `checkout.consumer`; None if the form has no such fields.
    """

    action: str
    values: Mapping[str, str] = field(repr=False)
    details: Document | None = field(repr=False)

    @property
    def method(self) -> str:
        """The chosen method: `card`, or the API name of another one."""
        return self.values["method"]

    @property
    def number(self) -> str:
        return cards.plain_number(self.values["card"])

    @property
    def expiry(self) -> str:
        """Month and year of the card, MMYY if they can be read."""
        return _expiry_digits(self.values["expiry"])


def defaults(context: Context, payment: Payment) -> dict[str, str]:
    """What the form shows before anything is typed: a test card that is approved, and the shopper as far as known."""
    card_methods = [method.name for method in checkout.methods(context, payment) if method.type == "CARD"]
    others = other_methods(context, payment)
    card = cards.test_number_of(card_methods[0] if card_methods else "Visa")
    expiry = f"{cards.DEFAULT_EXPIRY[:2]}/{cards.DEFAULT_EXPIRY[2:]}"
    chosen = "card" if card_methods or not others else others[0]
    paying = {"method": chosen, "card": grouped(card), "expiry": expiry, "cvc": _DEFAULT_CVC}
    return paying | (shopper.shown(payment) if shopper.is_asked(payment, context.settings) else {})


def read(form: Mapping[str, str], shown: Mapping[str, str]) -> Typed:
    values = dict(shown) | {name: value.strip() for name, value in form.items() if name in shown}
    return Typed(form.get("action", "pay"), values, shopper.from_form(form))


def problems(typed: Typed, context: Context) -> dict[str, str]:
    """The keys of the texts that say what is wrong with what was typed, by field."""
    if typed.action not in ("pay", "check"):
        return {}
    return _details_problems(typed, context) | (_card_problems(typed, context.now) if typed.method == "card" else {})


def refused(refusal: Refusal, typed: Typed) -> dict[str, str]:
    """The keys of the texts that say why the engine refused, by field; none if the payment is closed."""
    body = refusal.response.body or {}
    if body.get("code") in _CLOSED:
        return {}
    if body.get("code") == "1021":
        return {"form": "problem.shipping"}
    return dict(_refused_field(path.rpartition(".")[2], typed) for path in body.get("errors", {"form": []}))


def other_methods(context: Context, payment: Payment) -> list[str]:
    """The API names of the methods besides cards that are offered in the payment's currency."""
    if payment.agreement_request is not None:
        return []
    offered = [method for method in checkout.methods(context, payment) if method.type != "CARD"]
    return [method.name for method in offered if payment.currency in currencies_of(method)]


def test_cards(context: Context, payment: Payment) -> list[Document]:
    """The test cards of the brands that are offered, to choose instead of typing one."""
    brands = {method.name for method in checkout.methods(context, payment)}
    return [
        {"number": grouped(number), "brand": cards.brand_of(number), "behaviour": behaviour.name}
        for number, behaviour in cards.TEST_CARDS.items()
        if cards.brand_of(number) in brands
    ]


def grouped(number: str) -> str:
    """A card number as it is printed on cards."""
    if len(number) == 15:
        return f"{number[:4]} {number[4:10]} {number[10:]}"
    return " ".join(number[start : start + 4] for start in range(0, len(number), 4))


def _details_problems(typed: Typed, context: Context) -> dict[str, str]:
    try:
        validation.read(validation.CONSUMER, typed.details or {}, context.settings)
    except Refusal as refusal:
        return refused(refusal, typed)
    return {}


def _card_problems(typed: Typed, now: float) -> dict[str, str]:
    found = {
        "card": None if cards.is_number(typed.number) else "card",
        "expiry": _expiry_problem(typed, now),
        "cvc": None if _CVC.fullmatch(typed.values["cvc"]) else "cvc",
    }
    return {name: f"problem.{problem}" for name, problem in found.items() if problem}


def _expiry_problem(typed: Typed, now: float) -> str | None:
    if not cards.is_expiry(typed.expiry):
        return "expiry"
    return "expired" if cards.is_past(typed.expiry, now) else None


def _refused_field(name: str, typed: Typed) -> tuple[str, str]:
    if name == "method" and typed.method == "card":
        return "card", "problem.brand"
    if name in shopper.FORM_FIELDS:
        return name, f"problem.{name if name in _SPECIFIC else 'other'}"
    return ("method", "problem.method") if name == "method" else ("form", "problem.other")


def _expiry_digits(text: str) -> str:
    """MMYY from 12/30, 12 / 2030, 1/30, 1230 and the like; unchanged if it is none of them."""
    month, slash, year = (part.strip() for part in text.partition("/"))
    if slash and len(month) in (1, 2) and len(year) in (2, 4):
        return month.zfill(2) + year[-2:]
    return text
