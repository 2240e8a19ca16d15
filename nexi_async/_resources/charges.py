"""Charges: retrieve and refund one charge."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from nexi_async._models.charge import Charge
from nexi_async._models.order import OrderItem
from nexi_async._models.refund import RefundReceipt, RefundRequest
from nexi_async._resources.requests import fetch_receipt, keyed_request, require_same_id
from nexi_async._transport.request import Request, segment
from nexi_async._transport.session import Session


@attrs.frozen
class Charges:
    """`checkout.charges`."""

    _session: Session = attrs.field(repr=False)

    async def retrieve(self, charge_id: str) -> Charge:
        """Retrieve one charge; repeated on failure.

        Raises:
            NotFound: no such charge.
            NexiError: see its outcome.

        Official reference: GET /v1/charges/{chargeId}
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-charges-chargeid-get
        """
        request = Request(operation="charges.retrieve", method="GET", path=_path(charge_id))
        charge = await self._session.fetch(request, Charge)
        require_same_id(request, asked=charge_id, answered=charge.charge_id)
        return charge

    async def refund(
        self,
        charge_id: str,
        *,
        amount: int,
        order_items: Iterable[OrderItem] | None = None,
        my_reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> RefundReceipt:
        """Refund one charge, all of it or a part; repeated with the same key, never refunded twice.

        The receipt means that the refund is accepted; the money is returned once it is `Completed` in the payment.

        Args:
            charge_id: the charge.
            amount: minor units; at most what is left of this charge.
            order_items: the lines of a part; they must add up to `amount`.
            my_reference: the merchant's own text, at most 36 characters.
            idempotency_key: one per refund, at most 63 characters; made when left out.

        Raises:
            InvalidRequest: a value breaks a rule of the API; nothing was sent.
            NexiError: see its outcome.

        Official reference: POST /v1/charges/{chargeId}/refunds
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-charges-chargeid-refunds-post
        """
        body = RefundRequest(amount=amount, order_items=order_items, my_reference=my_reference)
        request = keyed_request(self._session, "charges.refund", _path(charge_id) + "/refunds", body, idempotency_key)
        return await fetch_receipt(self._session, request, RefundReceipt)


def _path(charge_id: str) -> str:
    return f"/v1/charges/{segment(charge_id, name='charge_id')}"
