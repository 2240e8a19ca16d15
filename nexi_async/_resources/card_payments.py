"""Card payments from server to server, without a checkout page."""

from __future__ import annotations

import attrs

from nexi_async._models.card_payment import CardPaymentReceipt, CardPaymentRequest, CardToCharge, PaymentInfo
from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order
from nexi_async._resources.requests import fetch_receipt, keyed_request
from nexi_async._transport.session import Session


@attrs.frozen
class CardPayments:
    """`checkout.card_payments`; for merchants certified to handle card numbers (PCI DSS), enabled on request."""

    _session: Session = attrs.field(repr=False)

    async def create(
        self,
        *,
        order: Order,
        payment_info: PaymentInfo,
        card_details: CardToCharge,
        interaction_type: int | None = None,
        notifications: Notifications | None = None,
        my_reference: str | None = None,
        merchant_number: str | None = None,
        idempotency_key: str | None = None,
    ) -> CardPaymentReceipt:
        """Reserve or charge a card without 3-D Secure; repeated with the same key, never paid twice.

        Args:
            order: what is paid; its amount must be more than 0.
            payment_info: the shopper, and whether to charge at once.
            card_details: the card; never logged, never in an error.
            interaction_type: undocumented; sent as it is.
            notifications: the webhooks of this payment.
            my_reference: the merchant's own text, at most 36 characters.
            merchant_number: for partners, the merchant to act for; the client's own when left out.
            idempotency_key: one per payment, at most 63 characters; made when left out.

        Raises:
            InvalidRequest: a value breaks a rule of the API; nothing was sent.
            NexiError: see its outcome.

        Official reference: POST /v1/cardpayments
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-cardpayments-post
        """
        body = CardPaymentRequest(
            order=order,
            payment_info=payment_info,
            card_details=card_details,
            interaction_type=interaction_type,
            notifications=notifications,
            my_reference=my_reference,
            merchant_number=merchant_number or self._session.merchant_number,
        )
        request = keyed_request(self._session, "card_payments.create", "/v1/cardpayments", body, idempotency_key)
        return await fetch_receipt(self._session, request, CardPaymentReceipt)
