"""Subscriptions of both kinds, and charging one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order, zero_faults
from nexi_async._models.payment import PaymentDetails
from nexi_async._models.rules import MyReference


@attrs.frozen(kw_only=True)
class ChargeSubscription:
    """The body of both single subscription charges; see `subscriptions.charge`."""

    order: Order
    notifications: Notifications | None = None
    my_reference: MyReference | None = None

    def _own_faults(self) -> Sequence[tuple[str, str]]:
        return zero_faults(self.order)


@attrs.frozen(kw_only=True)
class SubscriptionChargeReceipt:
    """A subscription charge that succeeded.

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
    """The API has no charge with this key, and surely still remembers the key: nothing was charged.

    Attributes:
        idempotency_key: charging again with it is safe.
    """

    idempotency_key: str


@attrs.frozen(kw_only=True)
class NotKnown:
    """The API has no charge with this key, but may have forgotten the key: it may have been charged.

    Look for its payment in the Checkout Portal, the reports or the webhooks, by the order's reference. Charging again,
    with this key or another, could charge a second time.

    Attributes:
        idempotency_key: the key that was asked for.
        reason: why the key may be forgotten: its age, an age that is not known, or a clock of this machine that is
            behind; then set the clock and ask again.
    """

    idempotency_key: str
    reason: str = ""


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
    """Why a subscription of another platform could not be imported."""

    import_steps_response_code: str | None = None
    import_steps_response_source: str | None = None
    import_steps_response_text: str | None = None


@attrs.frozen(kw_only=True)
class Subscription:
    """A scheduled subscription.

    Attributes:
        subscription_id: opaque text.
        interval: the minimum number of days between two charges.
        end_date: no charge is possible after it.
        payment_details: the card, masked.
        frequency: undocumented; as received.
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
    """An unscheduled subscription.

    Attributes:
        unscheduled_subscription_id: opaque text.
        payment_details: the card, masked.
    """

    unscheduled_subscription_id: str
    payment_details: PaymentDetails = attrs.field(factory=PaymentDetails)
