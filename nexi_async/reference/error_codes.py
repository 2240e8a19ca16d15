"""The platform's own error codes: what they mean, and what to do about each.

Names are those of Nexi's own PHP SDK; meanings are this SDK's reading of them where Nexi publishes none. The
message that comes with a code is meant for logs; branch on the code.
"""

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from nexi_async.reference.retry_advice import RetryAdvice

__all__ = ["ERROR_CODES", "ErrorCode", "look_up"]


@attrs.frozen
class ErrorCode:
    """One code of an error response (`APIError.code`)."""

    code: str
    name: str
    retry: RetryAdvice
    """Whether the same request may be sent again; acquirer limits apply to charges of a card."""
    meaning: str
    advice: str
    """What to do about it, in one sentence."""
    is_listed: bool = attrs.field(default=True, kw_only=True)
    """False for a code that this SDK does not know."""


_NEVER, _HARD, _UNKNOWN = RetryAdvice.NEVER, RetryAdvice.HARD, RetryAdvice.UNKNOWN

# fmt: off
_ROWS = (
    ErrorCode("1000", "Unknown", _UNKNOWN,
        "something failed that has no code of its own",
        "Retrieve the payment before you try again."),
    ErrorCode("1001", "OverCharge", _HARD,
        "the charge is larger than what is left of the reservation",
        "Charge no more than that."),
    ErrorCode("1002", "ZeroCharge", _HARD,
        "the amount to charge is zero",
        "Charge at least one minor unit."),
    ErrorCode("1003", "NotReserved", _HARD,
        "nothing is reserved yet",
        "Wait for the event payment.reservation.created.v2."),
    ErrorCode("1004", "AlreadyReserved", _HARD,
        "the payment is already reserved",
        "Charge or cancel the reservation that exists."),
    ErrorCode("1005", "AmountDiffersFromOrderItems", _HARD,
        "the amount is not the sum of the items' grossTotalAmount",
        "Make the sums match, as Order.of does."),
    ErrorCode("1006", "ConsumerNotAddedToPayment", _HARD,
        "the payment has no consumer data",
        "Send the consumer, or let the checkout page ask for it."),
    ErrorCode("1007", "PartialCancelNotAllowed", _HARD,
        "only the full reservation can be cancelled",
        "Cancel all that is left uncharged."),
    ErrorCode("1008", "AlreadyCharged", _HARD,
        "the payment is already charged",
        "Do not charge it again; give money back with a refund."),
    ErrorCode("1009", "InvalidRefundAmount", _HARD,
        "the refund is larger than what can still be refunded",
        "Refund no more than that."),
    ErrorCode("1010", "ReservationExpired", _HARD,
        "the reservation is too old to be charged",
        "Ask the shopper to pay again, in a new payment."),
    ErrorCode("1011", "ChargeNotFound", _HARD,
        "there is no such charge",
        "Take the charge's id from the retrieved payment."),
    ErrorCode("1012", "RefundCancelled", _HARD,
        "the refund was cancelled",
        "Start a new refund if the money shall still go back."),
    ErrorCode("1013", "RefundExpired", _HARD,
        "the refund expired before it was carried out",
        "Start a new refund if the money shall still go back."),
    ErrorCode("1014", "RefundFailed", _UNKNOWN,
        "the refund failed",
        "Look at the refund's state in the retrieved payment before you start another."),
    ErrorCode("1015", "OrderItemsMissing", _HARD,
        "a partial charge, refund or cancel names no items",
        "Send the order items that it covers."),
    ErrorCode("1016", "OrderReferenceWasPreviouslySet", _HARD,
        "the order's reference is already set",
        "Keep it, or note yours with update_my_reference."),
    ErrorCode("1017", "ChangingCheckoutDomainNotAllowed", _HARD,
        "the new checkout URL is on another domain",
        "Stay on the domain that the payment was created with."),
    ErrorCode("1018", "PaymentMissingOrderReference", _HARD,
        "the order has no reference",
        "Set one with update_reference."),
    ErrorCode("1019", "AlreadyCancelled", _HARD,
        "the payment is already cancelled",
        "Create a new payment if the shopper still wants to buy."),
    ErrorCode("1020", "PaymentMethodChargeFailed", _UNKNOWN,
        "the payment method's provider refused the charge",
        "Try later, or ask for another payment method."),
    ErrorCode("1021", "ShippingCostHasNotBeenSpecified", _HARD,
        "the shipping cost is not settled yet",
        "Update the order with shipping.costSpecified set."),
    ErrorCode("1022", "PaymentReserveMethodFailed", _UNKNOWN,
        "the payment method's provider refused the reservation",
        "Ask for another payment method."),
    ErrorCode("1023", "PaymentAlreadyRefunded", _HARD,
        "nothing is left to refund",
        "Do nothing: the money has gone back."),
    ErrorCode("1024", "PartialChargeNotAllowed", _HARD,
        "the payment method allows a full charge only",
        "Charge the full amount."),
    ErrorCode("1025", "RefundCancelFailed", _UNKNOWN,
        "the pending refund could not be cancelled",
        "See whether it is still pending in the payment."),
    ErrorCode("1026", "ChargeTriedWithDifferentAmount", _HARD,
        "the idempotency key was used for another amount",
        "Repeat the first amount, or use a new key."),
    ErrorCode("1027", "RefundTriedWithDifferentAmount", _HARD,
        "the idempotency key was used for another amount",
        "Repeat the first amount, or use a new key."),
    ErrorCode("1028", "UpdateOrderAtAfterPayFailed", _UNKNOWN,
        "Riverty (AfterPay) refused the new order",
        "Check the items, or charge the order as it was."),
    ErrorCode("1029", "HardDecline", _NEVER,
        "the issuer will never approve this card",
        "Ask the shopper for a new card; do not try this one again."),
    ErrorCode("1030", "ExpiredSubscription", _HARD,
        "the subscription is past its end date",
        "Ask the shopper to subscribe anew."),
    ErrorCode("1031", "InvalidSubscription", _HARD,
        "the subscription is unknown or can't be used",
        "Check its id and environment, or have it renewed."),
    ErrorCode("1032", "NotGenuineSubscriptionTraceId", _HARD,
        "the card scheme does not know the subscription's first payment",
        "Ask the shopper to subscribe anew."),
)
# fmt: on

ERROR_CODES: Mapping[str, ErrorCode] = MappingProxyType({row.code: row for row in _ROWS})
"""Every listed platform code, by its digits."""


def look_up(code: str | int) -> ErrorCode:
    """The row of a platform code; one that says so (`is_listed` False) when the code is not listed."""
    digits = str(code).strip()
    return ERROR_CODES.get(digits) or _unlisted(digits)


def _unlisted(code: str) -> ErrorCode:
    return ErrorCode(
        code,
        "Unlisted",
        RetryAdvice.UNKNOWN,
        "a code that this SDK does not list" if code else "the answer carries no code",
        "Retrieve the payment to see what happened before you try again.",
        is_listed=False,
    )
