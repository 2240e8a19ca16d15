"""Refunds: retrieve one, and cancel a pending one."""

from __future__ import annotations

import attrs

from nexi_async._models.refund import Refund
from nexi_async._resources.requests import require_same_id
from nexi_async._transport.request import Request, segment
from nexi_async._transport.session import Session


@attrs.frozen
class Refunds:
    """`checkout.refunds`."""

    _session: Session = attrs.field(repr=False)

    async def retrieve(self, refund_id: str) -> Refund:
        """Retrieve one refund; its state is found only in `Payment.refunds`. Repeated on failure.

        Raises:
            NotFound: no such refund.
            NexiError: see its outcome.

        Official reference: GET /v1/refunds/{refundId}
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-refunds-refundid-get
        """
        path = f"/v1/refunds/{segment(refund_id, name='refund_id')}"
        request = Request(operation="refunds.retrieve", method="GET", path=path)
        refund = await self._session.fetch(request, Refund)
        require_same_id(request, asked=refund_id, answered=refund.refund_id)
        return refund

    async def cancel_pending(self, refund_id: str) -> None:
        """Cancel a refund that is pending since the merchant's account has too little money.

        The API takes no idempotency key here, so it is repeated only if the API surely did nothing.

        Raises:
            NexiError: the refund is not pending any more, or see its outcome.

        Official reference: POST /v1/pending-refunds/{refundId}/cancel
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-pending-refunds-refundid-cancel-post
        """
        path = f"/v1/pending-refunds/{segment(refund_id, name='refund_id')}/cancel"
        await self._session.send(Request(operation="refunds.cancel_pending", method="POST", path=path))
