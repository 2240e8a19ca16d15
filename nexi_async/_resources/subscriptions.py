"""Subscriptions of both kinds: agreements to charge a stored card without the shopper."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

import attrs

from nexi_async import _codec as codec
from nexi_async._errors import InvalidRequest, NotFound, Outcome, TimedOut
from nexi_async._idempotency import KEY_LIFETIME, check_key, clock_fault, is_remembered, seconds_of
from nexi_async._models import rules
from nexi_async._models.bulk import (
    BulkCharge,
    BulkChargePage,
    BulkReceipt,
    BulkVerification,
    BulkVerificationPage,
    ChargeBulk,
    SubscriptionToCharge,
    SubscriptionToVerify,
    VerifyBulk,
)
from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order
from nexi_async._models.subscription import (
    ChargeStatus,
    ChargeSubscription,
    NotCharged,
    NotKnown,
    Subscription,
    SubscriptionChargeReceipt,
    UnscheduledSubscription,
)
from nexi_async._resources.pages import PAGE_SIZE, Poll, items_of
from nexi_async._resources.requests import fetch_receipt, keyed_request, require_same_id
from nexi_async._transport.request import Request, segment
from nexi_async._transport.session import Session

MAX_POLL_DELAY = 5.0
"""Seconds between two questions for the same charge, at most."""

Agreement = TypeVar("Agreement", Subscription, UnscheduledSubscription)
Page = TypeVar("Page", BulkChargePage, BulkVerificationPage)


@attrs.frozen(kw_only=True)
class SubscriptionKind(Generic[Agreement]):
    """What differs between the two kinds on the wire."""

    group: str
    root: str
    model: type[Agreement]
    id_of: Callable[[Agreement], str]
    id_member: str
    list_member: str
    partner_calls: frozenset[str]
    """The calls that take a `MerchantNumber` header, by the official reference."""


SCHEDULED = SubscriptionKind(
    group="subscriptions",
    root="/v1/subscriptions",
    model=Subscription,
    id_of=lambda found: found.subscription_id,
    id_member="subscriptionId",
    list_member="subscriptions",
    partner_calls=frozenset({"retrieve", "find", "charge", "charge_status", "charge_bulk", "bulk_charges"}),
)
UNSCHEDULED = SubscriptionKind(
    group="unscheduled_subscriptions",
    root="/v1/unscheduledsubscriptions",
    model=UnscheduledSubscription,
    id_of=lambda found: found.unscheduled_subscription_id,
    id_member="unscheduledSubscriptionId",
    list_member="unscheduledSubscriptions",
    partner_calls=frozenset(),
)


@attrs.frozen
class Subscriptions(Generic[Agreement]):
    """`checkout.subscriptions` and `checkout.unscheduled_subscriptions`: the same calls for either kind."""

    _session: Session = attrs.field(repr=False)
    _kind: SubscriptionKind[Agreement] = attrs.field(repr=False)

    async def retrieve(self, subscription_id: str) -> Agreement:
        """Retrieve one subscription with its masked card; repeated on failure.

        Raises:
            NotFound: no such subscription.
            NexiError: see its outcome.

        Official reference: GET /v1/subscriptions/{subscriptionId}, GET /v1/unscheduledsubscriptions/{...}
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-subscriptions-subscriptionid-get
        """
        request = self._get("retrieve", self._path(subscription_id))
        found = await self._session.fetch(request, self._kind.model)
        require_same_id(request, asked=subscription_id, answered=self._kind.id_of(found))
        return found

    async def find(self, *, external_reference: str) -> Agreement:
        """Find the subscription that was imported from another platform with this reference; repeated on failure.

        Subscriptions made at Nexi Checkout have no external reference.

        Raises:
            NotFound: no such subscription.
            NexiError: see its outcome.

        Official reference: GET /v1/subscriptions?externalReference=..., GET /v1/unscheduledsubscriptions?...
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-subscriptions-get
        """
        if not external_reference:
            raise InvalidRequest([("external_reference", "must not be empty")])
        request = self._get("find", self._kind.root, query=(("externalReference", external_reference),))
        return await self._session.fetch(request, self._kind.model)

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
                for the same run and reference, so that a crashed program, or one that cancelled the call, finds its
                charges again.

        Raises:
            ChargeDeclined: the issuer refused; `.decline` states whether, when and how often to try again.
            NexiError: see its outcome; if it is unknown, `resolve_charge` with the error's key finds it out.

        Official reference: POST /v1/subscriptions/{subscriptionId}/charges
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-subscriptions-subscriptionid-charges-post
        """
        body = ChargeSubscription(order=order, notifications=notifications, my_reference=my_reference)
        path, headers = self._path(subscription_id) + "/charges", self._partner_headers("charge")
        request = keyed_request(self._session, self._operation("charge"), path, body, idempotency_key, headers=headers)
        return await fetch_receipt(self._session, request, SubscriptionChargeReceipt)

    async def _charge_stored(
        self, subscription_id: str, body: bytes, *, idempotency_key: str, may_have_been_sent: bool
    ) -> SubscriptionChargeReceipt:
        """As `charge`, with a request that was checked and encoded when it was stored, and is sent as it is."""
        request = Request(
            operation=self._operation("charge"),
            method="POST",
            path=self._path(subscription_id) + "/charges",
            body=body,
            key=check_key(idempotency_key),
            may_have_been_sent=may_have_been_sent,
            headers=self._partner_headers("charge"),
        )
        return await fetch_receipt(self._session, request, SubscriptionChargeReceipt)

    async def charge_status(self, subscription_id: str, *, idempotency_key: str) -> ChargeStatus:
        """The status of a charge, by the key that it was sent with; changes nothing and is repeated on failure.

        Raises:
            NotFound: the API knows no charge with this key; `resolve_charge` tells whether it may have forgotten it.
            NexiError: see its outcome.

        Official reference: GET /v1/subscriptions/{subscriptionId}/charges/status
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-subscriptions-subscriptionid-charges-status-get
        """
        path = self._path(subscription_id) + "/charges/status"
        return await self._session.fetch(self._get("charge_status", path, key=check_key(idempotency_key)), ChargeStatus)

    async def resolve_charge(
        self,
        subscription_id: str,
        idempotency_key: str,
        *,
        sent_at: datetime | None,
        key_lifetime: timedelta = KEY_LIFETIME,
        max_wait: float = 10.0,
    ) -> SubscriptionChargeReceipt | NotCharged | NotKnown:
        """Find out the unknown outcome of a charge; charges nothing.

        A request whose connection broke may still arrive or be in progress, so the API is asked again until it has
        completed the charge, or until `max_wait` is over.

        Args:
            subscription_id: the subscription.
            idempotency_key: the key of the error, or of the charge that was cancelled.
            sent_at: when it was sent first, aware of its time zone: `error.sent_at`. None if it is not known; then the
                key counts as one that may be forgotten.
            key_lifetime: how long the API remembers a key, which it does not document; 24 hours by default.
            max_wait: seconds to go on asking while the API knows no charge with this key, or has not finished it.

        Returns:
            The receipt if the charge has happened. `NotCharged` if the API does not know the key and would remember it:
            charging again with the same key is safe. `NotKnown` if it may have forgotten the key, with the reason: look
            for the payment.

        Raises:
            TimedOut: the API has not completed the charge; it is still processing it, or declined it. Charging again
                with the same key shows which, since a decision is replayed.
            NexiError: the API could not be asked; nothing has changed.
        """
        if sent_at is not None and sent_at.tzinfo is None:
            raise InvalidRequest([("sent_at", "must have a time zone")])
        lifetime = seconds_of(key_lifetime)
        status = await self._last_charge_status(subscription_id, idempotency_key, max_wait)
        if status is None:
            doubt = _reason_to_doubt(sent_at, self._session.wall_clock(), lifetime)
            if doubt is not None:
                return NotKnown(idempotency_key=idempotency_key, reason=doubt)
            return NotCharged(idempotency_key=idempotency_key)
        if not status.completed:
            raise TimedOut(
                f"the charge of {subscription_id} is not completed after {max_wait:g} s",
                outcome=Outcome.UNKNOWN,
                idempotency_key=idempotency_key,
            )
        return SubscriptionChargeReceipt(
            payment_id=status.payment_id, charge_id=status.charge_id, idempotency_key=idempotency_key
        )

    async def _last_charge_status(
        self, subscription_id: str, idempotency_key: str, max_wait: float
    ) -> ChargeStatus | None:
        """The status as soon as the charge is completed, else what it was at the end of the wait."""
        ends, delay = self._session.now() + max_wait, 1.0
        while True:
            status = await self._charge_status_or_none(subscription_id, idempotency_key)
            left = ends - self._session.now()
            if left <= 0 or (status is not None and status.completed):
                return status
            await self._session.sleep(min(delay, left))
            delay = min(delay * 2, MAX_POLL_DELAY)

    async def _charge_status_or_none(self, subscription_id: str, idempotency_key: str) -> ChargeStatus | None:
        try:
            return await self.charge_status(subscription_id, idempotency_key=idempotency_key)
        except NotFound:
            return None

    async def charge_bulk(
        self,
        *,
        subscriptions: Iterable[SubscriptionToCharge],
        external_bulk_charge_id: str,
        notifications: Notifications | None = None,
    ) -> BulkReceipt:
        """Start a bulk charge of many subscriptions; repeated on failure, since the same id starts no second run.

        Args:
            subscriptions: what to charge; at least one.
            external_bulk_charge_id: the merchant's own name of the run, 1 to 63 characters. The API knows a run by it:
                sent again, it answers with the run that exists, so a new attempt at failed charges needs a new name.
            notifications: webhooks for every new payment.

        Raises:
            InvalidRequest: a value breaks a rule of the API; nothing was sent.
            NexiError: see its outcome; sending the same again is safe.

        Official reference: POST /v1/subscriptions/charges, POST /v1/unscheduledsubscriptions/charges
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-subscriptions-charges-post
        """
        return await self._charge_bulk(subscriptions, external_bulk_charge_id, notifications, may_have_been_sent=False)

    async def _charge_bulk(
        self,
        subscriptions: Iterable[SubscriptionToCharge],
        external_id: str,
        notifications: Notifications | None,
        *,
        may_have_been_sent: bool,
    ) -> BulkReceipt:
        body = ChargeBulk(external_bulk_charge_id=external_id, subscriptions=subscriptions, notifications=notifications)
        return await self._start_bulk("charges", body, external_id=external_id, may_have_been_sent=may_have_been_sent)

    async def verify_bulk(
        self,
        *,
        subscriptions: Iterable[SubscriptionToVerify],
        external_bulk_verification_id: str | None = None,
    ) -> BulkReceipt:
        """Start a bulk verification of the cards of many subscriptions; no money moves.

        Args:
            subscriptions: whose cards to check; at least one.
            external_bulk_verification_id: the merchant's own name of the run, 1 to 63 characters; with it the request
                is repeated on failure, without it only if it surely was not received.

        Official reference: POST /v1/subscriptions/verifications, POST /v1/unscheduledsubscriptions/verifications
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-subscriptions-verifications-post
        """
        body = VerifyBulk(subscriptions=subscriptions, external_bulk_verification_id=external_bulk_verification_id)
        return await self._start_bulk("verifications", body, external_id=external_bulk_verification_id)

    def bulk_charges(
        self, bulk_id: str, *, page_size: int = PAGE_SIZE, poll: Poll | None = None
    ) -> AsyncGenerator[BulkCharge, None]:
        """The items of a bulk charge: `async for charge in checkout.subscriptions.bulk_charges(bulk_id):`.

        To leave the loop early, have the iterator closed: `async with contextlib.aclosing(...) as items:`.

        Args:
            bulk_id: the run, from its receipt.
            page_size: how many items are asked for at once; the next page is fetched only when it is needed.
            poll: asks again until the run is done and yields each item once, when it is final. Without it every item is
                yielded as it stands now.

        Raises:
            NotFound: no such run.
            TimedOut: the run is not done within `poll.deadline`.
            NexiError: see its outcome.

        Official reference: GET /v1/subscriptions/charges/{bulkId}, GET /v1/unscheduledsubscriptions/charges/{bulkId}
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-subscriptions-charges-bulkid-get
        """
        return items_of(self._fetcher("charges", bulk_id, BulkChargePage), page_size=page_size, poll=poll)

    def bulk_verifications(
        self, bulk_id: str, *, page_size: int = PAGE_SIZE, poll: Poll | None = None
    ) -> AsyncGenerator[BulkVerification, None]:
        """The items of a bulk verification; arguments and errors as for `bulk_charges`.

        Official reference: GET /v1/subscriptions/verifications/{bulkId}, GET /v1/unscheduledsubscriptions/...
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-subscriptions-verifications-bulkid-get
        """
        return items_of(self._fetcher("verifications", bulk_id, BulkVerificationPage), page_size=page_size, poll=poll)

    async def _start_bulk(
        self, what: str, body: ChargeBulk | VerifyBulk, *, external_id: str | None, may_have_been_sent: bool = False
    ) -> BulkReceipt:
        rules.check(body)
        name = "charge_bulk" if what == "charges" else "verify_bulk"
        request = Request(
            operation=self._operation(name),
            method="POST",
            path=f"{self._kind.root}/{what}",
            body=codec.as_json(self._to_wire(codec.plain(body))),
            external_bulk_id=external_id,
            may_have_been_sent=may_have_been_sent,
            headers=self._partner_headers(name),
        )
        return await self._session.fetch(request, BulkReceipt)

    def _to_wire(self, document: dict[str, Any]) -> dict[str, Any]:
        """The request in this kind's words."""
        entries = [
            _with_renamed_key(entry, "subscriptionId", self._kind.id_member) for entry in document.pop("subscriptions")
        ]
        return document | {self._kind.list_member: entries}

    def _fetcher(self, what: str, bulk_id: str, kind: type[Page]) -> Callable[[int, int], Awaitable[Page]]:
        path = f"{self._kind.root}/{what}/{segment(bulk_id, name='bulk_id')}"

        async def fetch(skip: int, take: int) -> Page:
            query = (("skip", str(skip)), ("take", str(take)))
            request = self._get(f"bulk_{what}", path, query=query)
            return await self._session.fetch(request, kind, prepare=self._read_page)

        return fetch

    def _read_page(self, document: Any) -> Any:
        """The page in the words of the models, which name both kinds' ids alike."""
        entries = document.get("page") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            return document
        return document | {
            "page": [_with_renamed_key(entry, self._kind.id_member, "subscriptionId") for entry in entries]
        }

    def _get(self, name: str, path: str, *, query: tuple[tuple[str, str], ...] = (), key: str | None = None) -> Request:
        headers = self._partner_headers(name)
        return Request(operation=self._operation(name), method="GET", path=path, query=query, key=key, headers=headers)

    def _operation(self, name: str) -> str:
        return f"{self._kind.group}.{name}"

    def _partner_headers(self, name: str) -> tuple[tuple[str, str], ...]:
        number = self._session.merchant_number
        return (("MerchantNumber", number),) if number and name in self._kind.partner_calls else ()

    def _path(self, subscription_id: str) -> str:
        return f"{self._kind.root}/{segment(subscription_id, name='subscription_id')}"


def _with_renamed_key(entry: Any, old: str, new: str) -> Any:
    if not isinstance(entry, dict) or old not in entry:
        return entry
    return {new if name == old else name: value for name, value in entry.items()}


def _reason_to_doubt(sent_at: datetime | None, now: float, lifetime: float) -> str | None:
    """Why the API may have forgotten a key that it does not know; None if it would surely remember it."""
    if sent_at is None:
        return "it is not known when it was sent first"
    fault = clock_fault(sent_at.timestamp(), now, lifetime)
    if fault is not None:
        return f"{fault}: set the clock, then ask again"
    if is_remembered(sent_at.timestamp(), now, lifetime):
        return None
    since = f"{sent_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"it was sent first at {since}, and the API may have forgotten its key"
