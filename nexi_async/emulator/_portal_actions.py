"""The buttons of a payment in the portal: what the shopper, the card's issuer or the merchant does."""

from collections.abc import Callable, Mapping
from typing import Any

from nexi_async.emulator._engine.context import APIRequest
from nexi_async.emulator._engine.endpoints import ENDPOINTS
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._engine.wire import JSON, Document
from nexi_async.emulator._forms import Form, read_money

DECLINES = ("05", "14", "41", "51", "54", "91")
"""The acquirer codes to choose from."""

_BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def _pay(engine: Engine, payment: Payment, form: Form) -> None:
    chosen = form.get("with", "")
    by_card = chosen.isdecimal()
    engine.pay(payment.id, card=chosen if by_card else None, method=None if by_card else chosen or None)


def _answer_challenge(engine: Engine, payment: Payment, form: Form) -> None:
    engine.answer_challenge(payment.id, form.get("result", ""))


def _decline(engine: Engine, payment: Payment, form: Form) -> None:
    engine.decline(payment.id, code=form.get("code", DECLINES[0]))


def _charge(engine: Engine, payment: Payment, form: Form) -> None:
    body = _part(form, payment.amount) | {"finalCharge": "final" in form}
    _call(engine, "chargePayment", payment.id, body)


def _cancel(engine: Engine, payment: Payment, form: Form) -> None:
    _call(engine, "cancelPayment", payment.id, _part(form, payment.amount))


def _refund(engine: Engine, payment: Payment, form: Form) -> None:
    charge = next((charge for charge in payment.charges if charge.id == form.get("charge")), None)
    if charge is None:
        msg = "choose one of the charges"
        raise ValueError(msg)
    _call(engine, "refundCharge", charge.id, _part(form, charge.amount))


def _cancel_refund(engine: Engine, _: Payment, form: Form) -> None:
    _call(engine, "cancelPendingRefund", form.get("refund", ""))


def _terminate(engine: Engine, payment: Payment, _: Form) -> None:
    _call(engine, "terminatePayment", payment.id)


ACTIONS: Mapping[str, Callable[[Engine, Payment, Form], None]] = {
    "pay": _pay,
    "decline": _decline,
    "charge": _charge,
    "cancel": _cancel,
    "refund": _refund,
    "cancel-refund": _cancel_refund,
    "terminate": _terminate,
    "answer-challenge": _answer_challenge,
}
"""What a button does, by its name; they raise a `Refusal`, or ValueError for what cannot be read from the form."""


def _call(engine: Engine, endpoint: str, id_in_path: str, body: JSON = None) -> None:
    """Call an endpoint of the API, by its name, as the merchant would.

    Raises:
        Refusal: The response was an error.
    """
    response = engine.handle(_BY_NAME[endpoint], APIRequest(path={"id": id_in_path}, body=body))
    if response.status >= 400:
        raise Refusal(response)


def _part(form: Form, whole: int) -> Document:
    """The body for an amount; a part needs an order line."""
    amount = read_money(form.get("amount", ""))
    if amount == whole:
        return {"amount": amount}
    line: dict[str, Any] = {"reference": "portal", "name": "By hand in the portal", "quantity": 1, "unit": "pcs"}
    line |= {"unitPrice": amount, "grossTotalAmount": amount, "netTotalAmount": amount}
    return {"amount": amount, "orderItems": [line]}
