"""Subscriptions of both kinds: agreements to charge a stored card without the shopper."""

from __future__ import annotations

from typing import Generic, TypeVar

import attrs

from nexi_async.idempotency import check_key
from nexi_async.models.notifications import Notifications
from nexi_async.models.order import Order
from nexi_async.models.subscription import (
    ChargeStatus,
    ChargeSubscription,
    Subscription,
    SubscriptionChargeReceipt,
    UnscheduledSubscription,
)
from nexi_async.resources.requests import fetch_receipt, keyed
from nexi_async.transport.call import Call, segment
from nexi_async.transport.session import Session

__all__ = ["SCHEDULED", "UNSCHEDULED", "Kind", "Subscriptions"]

Agreement = TypeVar("Agreement", Subscription, UnscheduledSubscription)


@attrs.frozen
class Kind(Generic[Agreement]):
    """What differs between the two kinds on the wire."""

    root: str
    model: type[Agreement]


SCHEDULED = Kind("/v1/subscriptions", Subscription)
UNSCHEDULED = Kind("/v1/unscheduledsubscriptions", UnscheduledSubscription)


@attrs.frozen
class Subscriptions(Generic[Agreement]):
    """`checkout.subscriptions` and `checkout.unscheduled_subscriptions`: the same calls for either kind."""

    _session: Session = attrs.field(repr=False)
    _kind: Kind[Agreement] = attrs.field(repr=False)

    async def retrieve(self, subscription_id: str) -> Agreement:
        """One subscription with its masked card; changes nothing and is repeated on failure.

        Raises:
            NotFound: no such subscription.
            NexiError: see its outcome.

        Official reference: GET /v1/subscriptions/{subscriptionId}, GET /v1/unscheduledsubscriptions/{...}
        """
        return await self._session.fetch(Call(method="GET", path=self._path(subscription_id)), self._kind.model)

    async def charge(
        self,
        subscription_id: str,
        *,
        order: Order,
        notifications: Notifications | None = None,
        my_reference: str | None = None,
        idempotency_key: str | None = None,
    ) -> SubscriptionChargeReceipt:
        """Charge the stored card now; makes a new payment. Repeated with the same key, never charged twice.

        Args:
            subscription_id: the subscription.
            order: what is charged; its amount must be more than 0.
            notifications: webhooks for the new payment.
            my_reference: the merchant's own text, at most 36 characters.
            idempotency_key: one per charge, at most 63 characters; made when left out. `derive_key` gives the same key
                for the same run and reference, so that a crashed program finds its charges again.

        Raises:
            ChargeDeclined: the issuer said no; `.decline` tells whether, when and how often to try again.
            NexiError: see its outcome; if it is unknown, `charge_status` with the error's key settles it.

        Official reference: POST /v1/subscriptions/{subscriptionId}/charges
        """
        request = ChargeSubscription(order=order, notifications=notifications, my_reference=my_reference)
        call = keyed(self._path(subscription_id) + "/charges", request, idempotency_key)
        return await fetch_receipt(self._session, call, SubscriptionChargeReceipt)

    async def charge_status(self, subscription_id: str, *, idempotency_key: str) -> ChargeStatus:
        """What became of a charge, by the key that it was sent with; changes nothing and is repeated on failure.

        Raises:
            NotFound: the API never got a charge with this key.
            NexiError: see its outcome.

        Official reference: GET /v1/subscriptions/{subscriptionId}/charges/status
        """
        path = self._path(subscription_id) + "/charges/status"
        return await self._session.fetch(Call(method="GET", path=path, key=check_key(idempotency_key)), ChargeStatus)

    def _path(self, subscription_id: str) -> str:
        return f"{self._kind.root}/{segment(subscription_id, name='subscription_id')}"
