"""Subscriptions of both kinds, and charging one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order
from nexi_async._models.payment import PaymentDetails
from nexi_async._models.rules import MyReference


@attrs.frozen(kw_only=True)
class ChargeSubscription:
    """The body of both single subscription charges; see `subscriptions.charge`."""

    order: Order
    notifications: Notifications | None = None
    my_reference: MyReference | None = None

    def _own_faults(self) -> Sequence[tuple[str, str]]:
        return () if self.order.amount else [("order.amount", "must be greater than 0")]


@attrs.frozen(kw_only=True)
class SubscriptionChargeReceipt:
    """A subscription charge that went through.

    Attributes:
        payment_id: the new payment that the charge made.
        charge_id: the charge within it.
        idempotency_key: the key it was made with; `charge_status` finds the charge by it.
    """

    payment_id: str
    charge_id: str
    idempotency_key: str = attrs.field(default="", metadata={"wire": None})


@attrs.frozen(kw_only=True)
class NotCharged:
    """The API knows no charge with this key, and would still remember it: it has not happened.

    Attributes:
        idempotency_key: charging again with it is safe.
    """

    idempotency_key: str


@attrs.frozen(kw_only=True)
class NotKnown:
    """The API knows no charge with this key, but may have forgotten it: it may have happened.

    Look for its payment, by the order's reference in the reports or in the webhooks that came. Charging again, with
    this key or another, could charge a second time.

    Attributes:
        idempotency_key: the key that was asked for.
    """

    idempotency_key: str


@attrs.frozen(kw_only=True)
class ChargeStatus:
    """The status of a subscription charge that was sent with a key.

    Attributes:
        payment_id: the payment that the charge made.
        charge_id: the charge within it.
        completed: whether it is finished; if not, ask again later.
    """

    payment_id: str
    charge_id: str
    completed: bool


@attrs.frozen(kw_only=True)
class ImportFault:
    """Why a subscription from another platform could not be taken over."""

    import_steps_response_code: str | None = None
    import_steps_response_source: str | None = None
    import_steps_response_text: str | None = None


@attrs.frozen(kw_only=True)
class Subscription:
    """A scheduled subscription.

    Attributes:
        subscription_id: opaque text.
        interval: least number of days between two charges.
        end_date: no charge is possible after it.
        payment_details: the card, masked.
        frequency: undocumented, kept as it comes.
        import_error: only for subscriptions from another platform.
    """

    subscription_id: str
    interval: int | None = None
    end_date: datetime | None = None
    payment_details: PaymentDetails = attrs.field(factory=PaymentDetails)
    frequency: int | None = None
    import_error: ImportFault | None = None


@attrs.frozen(kw_only=True)
class UnscheduledSubscription:
    """An agreement to charge at any time.

    Attributes:
        unscheduled_subscription_id: opaque text.
        payment_details: the card, masked.
    """

    unscheduled_subscription_id: str
    payment_details: PaymentDetails = attrs.field(factory=PaymentDetails)
