"""Steps that all resources share: validating and building requests, checking responses."""

from __future__ import annotations

from typing import TypeVar

from nexi_async import _codec as codec
from nexi_async._errors import UnexpectedResponse
from nexi_async._idempotency import check_key, new_key
from nexi_async._models import rules
from nexi_async._models.card_payment import CardPaymentReceipt
from nexi_async._models.charge import ChargeReceipt
from nexi_async._models.refund import RefundReceipt
from nexi_async._models.subscription import SubscriptionChargeReceipt
from nexi_async._transport.request import Request
from nexi_async._transport.session import Session

Receipt = TypeVar("Receipt", CardPaymentReceipt, ChargeReceipt, RefundReceipt, SubscriptionChargeReceipt)


def encoded_body(body: object) -> bytes:
    """The request as bytes, once it keeps every rule."""
    rules.check(body)
    return codec.encode(body)


def keyed_request(
    session: Session,
    operation: str,
    path: str,
    body: object,
    key: str | None,
    *,
    headers: tuple[tuple[str, str], ...] = (),
) -> Request:
    """A POST that carries an idempotency key, the caller's or, unless the client requires that, a new one."""
    if key is None:
        session.require_key(None)
        key = new_key()
    else:
        check_key(key)
    return Request(operation=operation, method="POST", path=path, body=encoded_body(body), key=key, headers=headers)


async def fetch_receipt(session: Session, request: Request, kind: type[Receipt]) -> Receipt:
    """Send a call that carries a key, and note the key on its receipt."""
    receipt = await session.fetch(request, kind)
    object.__setattr__(receipt, "idempotency_key", request.key)  # not shared yet, so that no copy is needed
    return receipt


def require_same_id(request: Request, *, asked: str, answered: str) -> None:
    """Refuse a response that belongs to another request."""
    if normalised_id(asked) != normalised_id(answered):
        raise UnexpectedResponse(f"{request} was answered with {answered}, not with what was asked for", body=b"")


def normalised_id(identifier: str) -> str:
    """Ids are compared without case and dashes, as the API does."""
    return identifier.replace("-", "").lower()
