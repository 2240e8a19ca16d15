"""Test cards, the behaviour of each, and the acquirer's response codes with their texts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum

from attrs import frozen

DEFAULT_CARD = "4268270087374847"
DEFAULT_EXPIRY = "1230"


class Behaviour(Enum):
    APPROVED = "approved"
    RESERVATION_FAILS = "reservation fails"
    CHARGE_FAILS = "charge fails"
    REFUND_FAILS = "refund fails"
    CHALLENGED = "challenged"


# All other numbers that pass the Luhn check are approved. The one that is challenged is the emulator's own.
TEST_CARDS: Mapping[str, Behaviour] = {
    DEFAULT_CARD: Behaviour.APPROVED,
    "4925000000000004": Behaviour.APPROVED,
    "4925000000000087": Behaviour.RESERVATION_FAILS,
    "4925000000000079": Behaviour.CHARGE_FAILS,
    "4925000000000061": Behaviour.REFUND_FAILS,
    "4925000000000095": Behaviour.CHALLENGED,
    "5213199803453465": Behaviour.APPROVED,
    "5544330000000235": Behaviour.APPROVED,
    "376206000000009": Behaviour.APPROVED,
}

# "The issuer will never approve": the official list of codes that must not be tried again.
NEVER_RETRY = frozenset({"04", "14", "15", "41", "43", "46", "54", "57"})

_DECLINE_TEXTS: Mapping[str, str] = {
    "04": "Pick up card",
    "05": "Do not honour",
    "14": "Invalid card number",
    "33": "Expired card",
    "41": "Lost card",
    "43": "Stolen card",
    "51": "Not sufficient funds",
    "54": "Expired card",
    "59": "Suspected fraud",
    "91": "Issuer or switch inoperative",
    "99": "Internal error",
}

_BRANDS = (
    ("5019", "Dankort"),
    ("34", "AmericanExpress"),
    ("37", "AmericanExpress"),
    ("4", "Visa"),
    ("5", "MasterCard"),
    ("2", "MasterCard"),
)


@frozen
class Card:
    """A card as the acquirer knows it; only its masked number is ever shown.

    Attributes:
        masked_pan: First six and last four digits.
        brand: The payment method's API name, e.g. `Visa`.
        expiry: Four digits, MMYY.
    """

    masked_pan: str
    brand: str
    expiry: str
    behaviour: Behaviour


def read_card(number: str, expiry: str = DEFAULT_EXPIRY) -> Card:
    """The card of a number as a shopper types it.

    Raises:
        ValueError: The number is no card number, or the expiry is not MMYY.
    """
    digits = plain_number(number)
    if not is_number(digits):
        msg = "the card number is not valid"
        raise ValueError(msg)
    if not is_expiry(expiry):
        msg = "the expiry date must be four digits, MMYY"
        raise ValueError(msg)
    behaviour = TEST_CARDS.get(digits, Behaviour.APPROVED)
    return Card(digits[:6] + "*" * (len(digits) - 10) + digits[-4:], brand_of(digits), expiry, behaviour)


def plain_number(number: str) -> str:
    """A card number without the blanks and hyphens that people type."""
    return "".join(number.split()).replace("-", "")


def is_number(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and 12 <= len(digits) <= 19 and _passes_luhn(digits)


def is_expiry(digits: str) -> bool:
    return len(digits) == 4 and digits.isascii() and digits.isdigit() and 1 <= int(digits[:2]) <= 12


def test_number_of(brand: str) -> str:
    """The number of a test card of this brand that is approved, or of the usual one if there is none."""
    approved = [number for number, does in TEST_CARDS.items() if does is Behaviour.APPROVED]
    return next((number for number in approved if brand_of(number) == brand), approved[0])


def magic_code(amount: int) -> str | None:
    """The acquirer code that an order amount of 0.XX or 1.XX asks for in the test environment, if any."""
    code = amount % 100
    return f"{code:02d}" if 0 < amount < 200 and code else None


def magic_delay(amount: int) -> float:
    """The seconds that an order amount of 3.XX delays the reservation."""
    return float(amount - 300) if 300 <= amount < 400 else 0.0


def decline_code(card: Card | None, amount: int, now: float) -> str | None:
    """The acquirer code with which a reservation is declined, if it is: by its amount, or by the card."""
    code = magic_code(amount)
    if code is not None or card is None:
        return code
    if is_past(card.expiry, now):
        return "54"
    return "05" if card.behaviour is Behaviour.RESERVATION_FAILS else None


def is_past(expiry: str, now: float) -> bool:
    """Whether a month, MMYY, is over."""
    today = datetime.fromtimestamp(now, UTC)
    return (2000 + int(expiry[2:]), int(expiry[:2])) < (today.year, today.month)


def decline_text(code: str) -> str:
    return _DECLINE_TEXTS.get(code, "Refused by issuer")


def _passes_luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def brand_of(digits: str) -> str:
    """The payment method's API name of a card number, e.g. `Visa`."""
    return next((brand for prefix, brand in _BRANDS if digits.startswith(prefix)), "Maestro")
