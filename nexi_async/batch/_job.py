"""A charge to be made: who pays, what for, and under which reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

import attrs

from nexi_async._errors import Fault
from nexi_async._models import rules
from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order, zero_faults
from nexi_async._models.rules import MyReference, max_length
from nexi_async._models.subscription import ChargeSubscription

Strategy: TypeAlias = Literal["individual", "bulk"]
"""How a run is charged: one call a job, or many jobs by one call."""


def _one_line(text: str) -> str | None:
    return None if text.isprintable() and text == text.strip() else "must be printable, without space around it"


Reference = Annotated[str, max_length(128, min_length=1), _one_line]


def _spelled_as_in_files(_: type, fields: list[attrs.Attribute[object]]) -> list[attrs.Attribute[object]]:
    return [field.evolve(metadata={"wire": field.name}) for field in fields]


@attrs.frozen(kw_only=True, field_transformer=_spelled_as_in_files)
class ChargeJob:
    r"""One subscription to charge once; give exactly one of the three ids.

    Attributes:
        reference: the job's own name within its run, 1 to 128 characters; a run has every reference once.
        order: what is charged; its amount must be more than 0.
        subscription_id: a scheduled subscription.
        unscheduled_subscription_id: an unscheduled one.
        external_reference: one of either kind that was taken over from another platform; looked up when it is charged.
        my_reference: the merchant's own text, at most 36 characters, none of `< > ' " & \`.
        notifications: webhooks for the new payment.
    """

    reference: Reference
    order: Order
    subscription_id: Reference | None = None
    unscheduled_subscription_id: Reference | None = None
    external_reference: Reference | None = None
    my_reference: MyReference | None = None
    notifications: Notifications | None = None

    @property
    def request(self) -> ChargeSubscription:
        """What is sent; it stays the same for the same job."""
        return ChargeSubscription(order=self.order, notifications=self.notifications, my_reference=self.my_reference)

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        ids = (self.subscription_id, self.unscheduled_subscription_id, self.external_reference)
        if sum(given is not None for given in ids) != 1:
            yield (
                "subscription_id",
                "give exactly one of subscription_id, unscheduled_subscription_id, external_reference",
            )
        yield from zero_faults(self.order)


def faults_of(job: object) -> list[Fault]:
    """What is wrong with a job, each fault with its place."""
    if not isinstance(job, ChargeJob):
        return [Fault("", f"must be a ChargeJob, is {type(job).__name__}")]
    return rules.faults(job)
