"""The card issuer's response code when a reservation or charge failed, and whether to try again.

The codes are field 39 of ISO 8583:1987, as Nexi's overview says, plus those that card schemes added. "Never"
is Nexi's own list; "hard" and "soft" come from integrators' lists; where none has the code the advice is "unknown".
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import attrs

from nexi_async.reference import error_codes
from nexi_async.reference.retry_advice import RetryAdvice, RetryLimit

__all__ = ["ACQUIRER_CODES", "AcquirerCode", "Source", "look_up"]


class Source(StrEnum):
    """Where the meaning of a code was taken from."""

    NEXI = "nexi"
    """Nexi's published lists."""
    ISO = "iso"
    """ISO 8583:1987; Nexi's lists were not seen to hold it."""
    SCHEME = "scheme"
    """A card scheme's later addition, from integrators' tables."""
    PLATFORM = "platform"
    """Not an acquirer's code but Nexi's own, see `error_codes`."""
    UNLISTED = "unlisted"
    """No list has it."""


@attrs.frozen
class AcquirerCode:
    """Why a card was declined, and what that means for trying again."""

    code: str
    """Two digits ("05"); an unlisted code as it was given."""
    meaning: str
    retry: RetryAdvice
    source: Source
    is_common: bool = attrs.field(default=False, kw_only=True)
    """Whether Nexi counts it among the most common."""

    @property
    def is_listed(self) -> bool:
        """False for a code that no list has."""
        return self.source is not Source.UNLISTED

    @property
    def may_retry(self) -> bool:
        """Whether the same card may be charged again for the same amount, within `limit`."""
        return self.retry.may_retry

    @property
    def limit(self) -> RetryLimit | None:
        """When and how often it may be tried again; None where it should not be tried again at all."""
        return self.retry.limit


_NEVER, _HARD, _SOFT, _UNKNOWN = RetryAdvice.NEVER, RetryAdvice.HARD, RetryAdvice.SOFT, RetryAdvice.UNKNOWN
_NEXI, _ISO, _SCHEME = Source.NEXI, Source.ISO, Source.SCHEME

_ROWS = (
    AcquirerCode("00", "approved or completed", _UNKNOWN, _ISO),
    AcquirerCode("01", "refer to card issuer", _SOFT, _NEXI),
    AcquirerCode("02", "refer to card issuer, special conditions", _UNKNOWN, _NEXI),
    AcquirerCode("03", "invalid merchant or service provider", _SOFT, _NEXI),
    AcquirerCode("04", "pick up, capture card", _NEVER, _NEXI),
    AcquirerCode("05", "do not honour", _SOFT, _NEXI, is_common=True),
    AcquirerCode("06", "error", _HARD, _ISO),
    AcquirerCode("07", "pick up card, special condition (other than lost or stolen)", _HARD, _NEXI),
    AcquirerCode("08", "honour with identification", _UNKNOWN, _NEXI),
    AcquirerCode("09", "request in progress", _UNKNOWN, _NEXI),
    AcquirerCode("10", "approved for a partial amount", _UNKNOWN, _ISO),
    AcquirerCode("11", "approved (VIP)", _UNKNOWN, _ISO),
    AcquirerCode("12", "invalid transaction", _HARD, _ISO),
    AcquirerCode("13", "invalid amount", _SOFT, _ISO),
    AcquirerCode("14", "invalid card number (no such number)", _NEVER, _ISO),
    AcquirerCode("15", "no such issuer", _NEVER, _ISO),
    AcquirerCode("16", "approved, update track 3", _UNKNOWN, _ISO),
    AcquirerCode("17", "customer cancellation", _UNKNOWN, _ISO),
    AcquirerCode("18", "customer dispute", _UNKNOWN, _ISO),
    AcquirerCode("19", "re-enter transaction", _SOFT, _ISO),
    AcquirerCode("20", "invalid response", _UNKNOWN, _ISO),
    AcquirerCode("21", "no action taken", _UNKNOWN, _ISO),
    AcquirerCode("22", "suspected malfunction", _SOFT, _ISO),
    AcquirerCode("23", "unacceptable transaction fee", _UNKNOWN, _ISO),
    AcquirerCode("24", "file update not supported by receiver", _UNKNOWN, _ISO),
    AcquirerCode("25", "record not found on file", _UNKNOWN, _ISO),
    AcquirerCode("26", "duplicate file update, old record replaced", _UNKNOWN, _ISO),
    AcquirerCode("27", "file update field edit error", _UNKNOWN, _ISO),
    AcquirerCode("28", "file locked or temporarily unavailable", _UNKNOWN, _ISO),
    AcquirerCode("29", "file update failed, contact acquirer", _UNKNOWN, _ISO),
    AcquirerCode("30", "format error", _SOFT, _ISO),
    AcquirerCode("31", "bank or issuer not supported by switch", _SOFT, _ISO),
    AcquirerCode("32", "completed partially", _UNKNOWN, _ISO),
    AcquirerCode("33", "expired card, pick up", _UNKNOWN, _ISO),
    AcquirerCode("34", "suspected fraud, pick up", _SOFT, _ISO),
    AcquirerCode("35", "card acceptor contact acquirer, pick up", _UNKNOWN, _ISO),
    AcquirerCode("36", "restricted card, pick up", _UNKNOWN, _ISO),
    AcquirerCode("37", "card acceptor call acquirer security, pick up", _UNKNOWN, _ISO),
    AcquirerCode("38", "PIN tries exceeded, pick up", _UNKNOWN, _ISO),
    AcquirerCode("39", "no credit account", _UNKNOWN, _ISO),
    AcquirerCode("40", "requested function not supported", _UNKNOWN, _ISO),
    AcquirerCode("41", "lost card", _NEVER, _NEXI, is_common=True),
    AcquirerCode("42", "no universal account", _SOFT, _ISO),
    AcquirerCode("43", "stolen card, pick up", _NEVER, _NEXI, is_common=True),
    AcquirerCode("44", "no investment account", _UNKNOWN, _ISO),
    AcquirerCode("45", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("46", "closed account (Visa)", _NEVER, _SCHEME),
    AcquirerCode("47", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("48", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("49", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("50", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("51", "not sufficient funds", _SOFT, _NEXI, is_common=True),
    AcquirerCode("52", "no cheque account", _UNKNOWN, _ISO),
    AcquirerCode("53", "no savings account", _UNKNOWN, _ISO),
    AcquirerCode("54", "expired card", _NEVER, _ISO),
    AcquirerCode("55", "incorrect PIN", _SOFT, _ISO),
    AcquirerCode("56", "no card record", _HARD, _ISO),
    AcquirerCode("57", "transaction not permitted to cardholder", _NEVER, _ISO),
    AcquirerCode("58", "transaction not permitted to terminal", _SOFT, _ISO),
    AcquirerCode("59", "suspected fraud", _SOFT, _NEXI, is_common=True),
    AcquirerCode("60", "card acceptor contact acquirer", _UNKNOWN, _ISO),
    AcquirerCode("61", "exceeds withdrawal amount limit", _SOFT, _ISO),
    AcquirerCode("62", "restricted card", _SOFT, _ISO),
    AcquirerCode("63", "security violation", _SOFT, _ISO),
    AcquirerCode("64", "original amount incorrect", _UNKNOWN, _ISO),
    AcquirerCode("65", "exceeds withdrawal count limit", _SOFT, _ISO),
    AcquirerCode("66", "card acceptor call acquirer's security department", _UNKNOWN, _ISO),
    AcquirerCode("67", "hard capture at ATM", _UNKNOWN, _ISO),
    AcquirerCode("68", "response received too late", _UNKNOWN, _ISO),
    AcquirerCode("69", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("70", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("71", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("72", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("73", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("74", "reserved by ISO", _UNKNOWN, _ISO),
    AcquirerCode("75", "PIN tries exceeded", _SOFT, _ISO),
    AcquirerCode("76", "left to private use by ISO", _UNKNOWN, _ISO),
    AcquirerCode("77", "left to private use by ISO", _UNKNOWN, _ISO),
    AcquirerCode("78", "invalid or non-existent account, blocked at first use", _SOFT, _SCHEME),
    AcquirerCode("79", "life-cycle reason (Mastercard: check the merchant advice code)", _HARD, _SCHEME),
    AcquirerCode("80", "credit issuer unavailable or bad date", _SOFT, _SCHEME),
    AcquirerCode("81", "left to private use by ISO", _UNKNOWN, _ISO),
    AcquirerCode("82", "policy reason (Mastercard); negative CAM/CVV result (Visa)", _SOFT, _SCHEME),
    AcquirerCode("83", "fraud or security reason (Mastercard)", _SOFT, _SCHEME),
    AcquirerCode("84", "left to private use by ISO", _UNKNOWN, _ISO),
    AcquirerCode("85", "no reason to decline (account check)", _SOFT, _SCHEME),
    AcquirerCode("86", "PIN cannot be verified", _SOFT, _SCHEME),
    AcquirerCode("87", "left to private use by ISO", _UNKNOWN, _ISO),
    AcquirerCode("88", "left to private use by ISO", _UNKNOWN, _ISO),
    AcquirerCode("89", "left to private use by ISO", _UNKNOWN, _ISO),
    AcquirerCode("90", "cut-off in progress", _UNKNOWN, _ISO),
    AcquirerCode("91", "issuer or switch inoperative", _SOFT, _ISO),
    AcquirerCode("92", "no route to issuer or network", _SOFT, _ISO),
    AcquirerCode("93", "cannot complete, violation of law", _SOFT, _ISO),
    AcquirerCode("94", "duplicate transmission", _UNKNOWN, _ISO),
    AcquirerCode("95", "reconciliation error", _UNKNOWN, _ISO),
    AcquirerCode("96", "system malfunction", _SOFT, _ISO),
    AcquirerCode("97", "left to national use by ISO", _UNKNOWN, _ISO),
    AcquirerCode("98", "left to national use by ISO", _UNKNOWN, _ISO),
    AcquirerCode("99", "internal error", _UNKNOWN, _NEXI, is_common=True),
)

ACQUIRER_CODES: Mapping[str, AcquirerCode] = MappingProxyType({row.code: row for row in _ROWS})
"""Every listed acquirer code, by its two digits."""


def look_up(code: str | int) -> AcquirerCode:
    """The row of a code, however it is padded ("5", "05", 5); an unlisted code gets a row that says so.

    A refused charge may carry a platform code instead ("1029"); its row has `Source.PLATFORM` and takes the
    advice of `error_codes`.
    """
    given = str(code).strip()
    two_digits = given.lstrip("0").zfill(2) if given else given
    return ACQUIRER_CODES.get(two_digits) or _from_elsewhere(given)


def _from_elsewhere(code: str) -> AcquirerCode:
    platform = error_codes.look_up(code)
    if platform.is_listed:
        return AcquirerCode(code, f"{platform.name}: {platform.meaning}", platform.retry, Source.PLATFORM)
    meaning = "a code that no list has" if code else "the answer carries no code"
    return AcquirerCode(code, meaning, RetryAdvice.UNKNOWN, Source.UNLISTED)
