"""Responses of the API: a status, a JSON body, and the shapes of its errors."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

# The names are those of the API's own list of error codes; the wording of the messages is not published.
_MESSAGES: Mapping[str, str] = {
    "1000": "Unknown error",
    "1001": "Overcharge",
    "1003": "Payment is not reserved",
    "1004": "Payment is already reserved",
    "1007": "Partial cancel is not allowed",
    "1008": "Payment is already charged",
    "1009": "Invalid refund amount",
    "1010": "The reservation has expired",
    "1011": "Charge not found",
    "1012": "The refund is cancelled",
    "1013": "The refund has expired",
    "1014": "The refund has failed",
    "1015": "Order items are missing",
    "1016": "The order reference was previously set",
    "1017": "Changing the checkout domain is not allowed",
    "1019": "Payment is already cancelled",
    "1020": "The payment method refused the charge",
    "1021": "The shipping cost has not been specified",
    "1022": "The payment method refused the reservation",
    "1023": "Payment is already refunded",
    "1025": "The refund could not be cancelled",
    "1026": "Charge tried with a different amount",
    "1027": "Refund tried with a different amount",
    "1029": "Hard decline",
    "1030": "The subscription has expired",
    "1031": "Invalid subscription",
}


@frozen
class APIResponse:
    """One response of the API.

    Attributes:
        delay: Seconds on the emulator's clock that the response is held back.
        attempted: Ids of the payment and charge attempted, for `charges/status`; never sent.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(factory=dict)
    delay: float = 0.0
    attempted: Mapping[str, str] = field(factory=dict)


class Refusal(Exception):
    """An operation was refused; `response` is the API's error response."""

    def __init__(self, response: APIResponse) -> None:
        super().__init__(response.status, response.body)
        self.response = response


NO_CONTENT = APIResponse(204)


def invalid(errors: Mapping[str, list[str]]) -> Refusal:
    """400 with the texts for each member path."""
    return Refusal(APIResponse(400, {"errors": dict(errors)}))


def failed(code: str, message: str | None = None, *, status: int = 402, source: str = "internal") -> Refusal:
    """A business error: `{message, code, source}`."""
    text = message or _MESSAGES[code]
    return Refusal(APIResponse(status, {"message": text, "code": code, "source": source}))


def not_found() -> Refusal:
    """404 without a body."""
    return Refusal(APIResponse(404))


def conflict(code: str | None = None, message: str | None = None) -> Refusal:
    """409, without a body unless a code is given."""
    return Refusal(APIResponse(409)) if code is None else failed(code, message, status=409)
