"""Payments: create, retrieve, update, charge, refund, cancel and terminate."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from nexi_async._models.changes import CancelPayment, ShippingCost, UpdateMyReference, UpdateOrder, UpdateReference
from nexi_async._models.charge import ChargePayment, ChargeReceipt, Shipment
from nexi_async._models.checkout import Checkout
from nexi_async._models.create_payment import (
    AdditionalPaymentMethodData,
    CreatedPayment,
    CreatePayment,
    PaymentMethodConfiguration,
    PaymentMethodFee,
    SubscriptionSetup,
    UnscheduledSubscriptionSetup,
)
from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order, OrderItem
from nexi_async._models.payment import Payment, RetrievedPayment
from nexi_async._models.refund import RefundReceipt, RefundRequest
from nexi_async._resources.requests import encoded_body, fetch_receipt, keyed_request, require_same_id
from nexi_async._transport.request import Request, segment
from nexi_async._transport.session import Session


@attrs.frozen
class Payments:
    """`checkout.payments`; every call raises `InvalidRequest` before sending what the API would refuse."""

    _session: Session = attrs.field(repr=False)

    async def create(
        self,
        *,
        order: Order,
        checkout: Checkout,
        notifications: Notifications | None = None,
        subscription: SubscriptionSetup | None = None,
        unscheduled_subscription: UnscheduledSubscriptionSetup | None = None,
        payment_methods_configuration: Iterable[PaymentMethodConfiguration] | None = None,
        payment_methods: Iterable[PaymentMethodFee] | None = None,
        additional_payment_method_data: AdditionalPaymentMethodData | None = None,
        my_reference: str | None = None,
        merchant_number: str | None = None,
    ) -> CreatedPayment:
        """Create a payment for the shopper to complete; no money moves yet.

        The API takes no idempotency key here, so it is repeated only if the API surely did nothing. A second payment
        made by the caller after an unknown outcome is harmless, but ought to be terminated.

        Args:
            order: what is bought; see `Order.of`. An amount of 0 only signs up for a subscription.
            checkout: where the shopper pays; see `Checkout.hosted` and `Checkout.embedded`.
            notifications: the webhooks of this payment, which cannot be changed later.
            subscription: sign up for charges on a schedule.
            unscheduled_subscription: sign up for charges at any time.
            payment_methods_configuration: the only methods to offer.
            payment_methods: fees per method.
            additional_payment_method_data: order numbers for Riverty and PayPal.
            my_reference: the merchant's own text, at most 36 characters; comes back in webhooks.
            merchant_number: for partners, the merchant to act for; the client's own when left out.

        Raises:
            InvalidRequest: a value breaks a rule of the API; nothing was sent.
            NexiError: see its outcome.

        Official reference: POST /v1/payments
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-payments-post
        """
        body = CreatePayment(
            order=order,
            checkout=checkout,
            notifications=notifications,
            subscription=subscription,
            unscheduled_subscription=unscheduled_subscription,
            payment_methods_configuration=payment_methods_configuration,
            payment_methods=payment_methods,
            additional_payment_method_data=additional_payment_method_data,
            my_reference=my_reference,
            merchant_number=merchant_number or self._session.merchant_number,
        )
        return await self._session.fetch(
            Request(operation="payments.create", method="POST", path="/v1/payments", body=encoded_body(body)),
            CreatedPayment,
        )

    async def retrieve(self, payment_id: str) -> Payment:
        """Retrieve a payment in its present state; repeated on failure.

        One payment may be retrieved 30 times an hour, then the error is `RateLimited`; webhooks report its changes.

        Raises:
            NotFound: no such payment.
            NexiError: see its outcome.

        Official reference: GET /v1/payments/{paymentId}
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-payments-paymentid-get
        """
        request = Request(operation="payments.retrieve", method="GET", path=_path(payment_id), shares_backoff=False)
        payment = (await self._session.fetch(request, RetrievedPayment)).payment
        require_same_id(request, asked=payment_id, answered=payment.payment_id)
        return payment

    async def update_order(
        self,
        payment_id: str,
        *,
        amount: int,
        items: Iterable[OrderItem],
        shipping_cost_specified: bool | None = None,
        payment_methods: Iterable[PaymentMethodFee] | None = None,
    ) -> None:
        """Replace the order while the shopper has not completed the checkout; repeated on failure.

        Args:
            payment_id: the payment.
            amount: minor units with VAT, the sum of the lines.
            items: the new lines; the currency cannot change.
            shipping_cost_specified: True once shipping is included, for payments whose merchant handles shipping cost.
            payment_methods: fees per method.

        Raises:
            Conflict: the shopper is paying at this moment.
            NexiError: see its outcome.

        Official reference: PUT /v1/payments/{paymentId}/orderitems
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-payments-paymentid-orderitems-put
        """
        shipping = None if shipping_cost_specified is None else ShippingCost(cost_specified=shipping_cost_specified)
        body = UpdateOrder(amount=amount, items=items, shipping=shipping, payment_methods=payment_methods)
        await self._put("payments.update_order", payment_id, "orderitems", body)

    async def update_reference(self, payment_id: str, *, reference: str, checkout_url: str) -> None:
        """Change the order number of a payment; repeated on failure.

        Args:
            payment_id: the payment.
            reference: the order number, at most 128 characters.
            checkout_url: the page the payment was made for, as in `Payment.checkout.url`; always needed.

        Official reference: PUT /v1/payments/{paymentId}/referenceinformation
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-payments-paymentid-referenceinformation-put
        """
        body = UpdateReference(reference=reference, checkout_url=checkout_url)
        await self._put("payments.update_reference", payment_id, "referenceinformation", body)

    async def update_my_reference(self, payment_id: str, *, my_reference: str) -> None:
        """Set the merchant's own text, at most 36 characters; repeated on failure.

        Official reference: PUT /v1/payments/{paymentId}/myreference
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-payments-paymentid-myreference-put
        """
        await self._put(
            "payments.update_my_reference", payment_id, "myreference", UpdateMyReference(my_reference=my_reference)
        )

    async def terminate(self, payment_id: str) -> None:
        """End a session that the shopper has not completed; repeated on failure.

        Raises:
            Conflict or BadRequest: the checkout was completed already.
            NexiError: see its outcome.

        Official reference: PUT /v1/payments/{paymentId}/terminate
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-payments-paymentid-terminate-put
        """
        await self._session.send(
            Request(operation="payments.terminate", method="PUT", path=_path(payment_id, "terminate"))
        )

    async def cancel(self, payment_id: str, *, amount: int, order_items: Iterable[OrderItem] | None = None) -> None:
        """Release reserved money, all of it or a part.

        The API takes no idempotency key here, so it is sent again only if it surely was not received; after an unknown
        outcome compare `Payment.summary.cancelled_amount`.

        Args:
            payment_id: the payment.
            amount: minor units; the whole order, or a part of what is not charged yet (cards and wallets only).
            order_items: the lines of a part; they must add up to `amount`.

        Official reference: POST /v1/payments/{paymentId}/cancels
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-payments-paymentid-cancels-post
        """
        body = CancelPayment(amount=amount, order_items=order_items)
        path = _path(payment_id, "cancels")
        await self._session.send(
            Request(operation="payments.cancel", method="POST", path=path, body=encoded_body(body))
        )

    async def charge(
        self,
        payment_id: str,
        *,
        amount: int,
        order_items: Iterable[OrderItem] | None = None,
        shipping: Shipment | None = None,
        final_charge: bool | None = None,
        my_reference: str | None = None,
        payment_method_reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> ChargeReceipt:
        """Take reserved money, all of it or a part; repeated with the same key, never charged twice.

        Args:
            payment_id: the payment.
            amount: minor units with VAT; the whole order, or a part.
            order_items: the lines of a part; they must add up to `amount`.
            shipping: how the goods are shipped.
            final_charge: True on the last part releases what is left of the reservation.
            my_reference: the merchant's own text, at most 36 characters.
            payment_method_reference: the merchant's own invoice number at Riverty, unique, at most 20 characters.
            idempotency_key: one per charge, at most 63 characters; made when left out. After an unknown outcome call
                again with the key of the error, or of the note on the cancellation. Pass `derive_key(...)` if a charge
                may be asked for twice, as by a second click, or be cancelled.

        Raises:
            ChargeDeclined: the acquirer or a business rule refused; see `.decline` and `.code`.
            NexiError: see its outcome.

        Official reference: POST /v1/payments/{paymentId}/charges
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-payments-paymentid-charges-post
        """
        body = ChargePayment(
            amount=amount,
            order_items=order_items,
            shipping=shipping,
            final_charge=final_charge,
            my_reference=my_reference,
            payment_method_reference=payment_method_reference,
        )
        request = keyed_request(self._session, "payments.charge", _path(payment_id, "charges"), body, idempotency_key)
        return await fetch_receipt(self._session, request, ChargeReceipt)

    async def refund(
        self,
        payment_id: str,
        *,
        amount: int,
        order_items: Iterable[OrderItem] | None = None,
        my_reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> RefundReceipt:
        """Refund a payment; Nexi spreads the amount over its charges. Repeated with the same key, never refunded twice.

        The receipt means that the refund is accepted; it is done once it is `Completed`. Not available for Arvato,
        PayPal, Ratepay and Easy methods: use `charges.refund`.

        Args:
            payment_id: the payment.
            amount: minor units.
            order_items: the lines of a part; they must add up to `amount`.
            my_reference: the merchant's own text, at most 36 characters.
            idempotency_key: one per refund, at most 63 characters; made when left out.

        Official reference: POST /v1/payments/{paymentId}/refunds
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-payments-paymentid-refunds-post
        """
        body = RefundRequest(amount=amount, order_items=order_items, my_reference=my_reference)
        request = keyed_request(self._session, "payments.refund", _path(payment_id, "refunds"), body, idempotency_key)
        return await fetch_receipt(self._session, request, RefundReceipt)

    async def _put(self, operation: str, payment_id: str, what: str, body: object) -> None:
        path = _path(payment_id, what)
        await self._session.send(Request(operation=operation, method="PUT", path=path, body=encoded_body(body)))


def _path(payment_id: str, *rest: str) -> str:
    return "/".join(("/v1/payments", segment(payment_id, name="payment_id"), *rest))
