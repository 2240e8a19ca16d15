"""Bulk runs: many subscriptions charged, or their cards verified, by one request that Nexi works through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import attrs

from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order, zero_faults
from nexi_async._models.rules import MyReference, PlainText, max_length
from nexi_async.reference.states import BulkItemStatus, BulkStatus

ExternalId = Annotated[str, max_length(63, min_length=1)]
"""The overview page says 63, the endpoint pages 64; the smaller holds for both."""


@attrs.frozen(kw_only=True)
class SubscriptionToCharge:
    """One subscription of a bulk charge; give either its id or its external reference.

    Attributes:
        order: what is charged; its amount must be more than 0.
        subscription_id: the subscription, of the kind whose group is called.
        external_reference: a subscription that was taken over from another platform.
        my_reference: the merchant's own text, at most 36 characters.
    """

    order: Order
    subscription_id: PlainText | None = None
    external_reference: PlainText | None = None
    my_reference: MyReference | None = None

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        yield from _which_one(self.subscription_id, self.external_reference)
        yield from zero_faults(self.order)


@attrs.frozen(kw_only=True)
class SubscriptionToVerify:
    """One subscription whose card is verified; give either its id or its external reference."""

    subscription_id: PlainText | None = None
    external_reference: PlainText | None = None

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        yield from _which_one(self.subscription_id, self.external_reference)


def _which_one(subscription_id: str | None, external_reference: str | None) -> Iterator[tuple[str, str]]:
    if bool(subscription_id) == bool(external_reference):
        yield "subscriptionId", "give either subscription_id or external_reference"


def _not_empty(entries: tuple[object, ...]) -> Iterator[tuple[str, str]]:
    if not entries:
        yield "subscriptions", "must have at least one entry"


@attrs.frozen(kw_only=True)
class ChargeBulk:
    """The body of both bulk charges; see `subscriptions.charge_bulk`."""

    external_bulk_charge_id: ExternalId
    subscriptions: tuple[SubscriptionToCharge, ...] = attrs.field(converter=tuple[SubscriptionToCharge, ...])
    notifications: Notifications | None = None

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        yield from _not_empty(self.subscriptions)


@attrs.frozen(kw_only=True)
class VerifyBulk:
    """The body of both bulk verifications; see `subscriptions.verify_bulk`."""

    subscriptions: tuple[SubscriptionToVerify, ...] = attrs.field(converter=tuple[SubscriptionToVerify, ...])
    external_bulk_verification_id: ExternalId | None = None

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        yield from _not_empty(self.subscriptions)


@attrs.frozen(kw_only=True)
class BulkReceipt:
    """A bulk run that the API has started; its id retrieves the items."""

    bulk_id: str


@attrs.frozen(kw_only=True)
class BulkCharge:
    """The result of one subscription in a bulk charge.

    Attributes:
        subscription_id: the subscription, of either kind; None if the API found none by the external reference.
        status: Pending, Succeeded or Failed.
        payment_id: the payment that the charge made.
        charge_id: the charge within it.
        code: why it failed; see `reference.acquirer_codes.look_up`.
        message: the API's own text, for logs.
        source: who refused, e.g. "Issuer".
        external_reference: for subscriptions from another platform.
    """

    status: BulkItemStatus
    subscription_id: str | None = None
    payment_id: str | None = None
    charge_id: str | None = None
    code: str | None = None
    message: str | None = None
    source: str | None = None
    external_reference: str | None = None


@attrs.frozen(kw_only=True)
class BulkVerification:
    """The result of one subscription in a bulk verification.

    Attributes:
        subscription_id: the subscription, of either kind; None if the API found none by the external reference.
        status: Pending, Succeeded or Failed.
        payment_id: the payment that the check made, if any.
        code: why it failed.
        message: the API's own text, for logs.
        external_reference: for subscriptions from another platform.
    """

    status: BulkItemStatus
    subscription_id: str | None = None
    payment_id: str | None = None
    code: str | None = None
    message: str | None = None
    external_reference: str | None = None


@attrs.frozen(kw_only=True)
class BulkChargePage:
    """A part of a bulk charge's items."""

    page: tuple[BulkCharge, ...] = ()
    more: bool = False
    status: BulkStatus | None = None


@attrs.frozen(kw_only=True)
class BulkVerificationPage:
    """A part of a bulk verification's items."""

    page: tuple[BulkVerification, ...] = ()
    more: bool = False
    status: BulkStatus | None = None
