"""The state: every payment, charge, refund, agreement, event and delivery of the emulator.

Theory of operation. Operations (payments, charges, cancels, refunds, subscriptions, bulk, checkout) are plain functions
that change the state. Money moves in one direction only: `reserved` of a payment is set once, when the shopper pays;
charges, cancels and releases take from it and never give back; refunds take from charges, and give back only when they
fail, expire or are cancelled. What the passage of time causes (a refund completes, a bulk run goes on) waits in the
schedule and is done, in order and with its own time, before the next operation. Every look-up is by key, so the cost of
an operation does not depend on the size of the state. An entity that was looked up in a `Table`, or put there, may have
been changed and is added to `State.changed`; what is changed otherwise is added by the function that changes it.
"""

import heapq
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar, overload

from attrs import define, field, frozen

from nexi_async.emulator._engine.cards import Card
from nexi_async.emulator._engine.idempotency import IdempotencyRecord, IdempotencyRecords
from nexi_async.emulator._engine.methods import Method
from nexi_async.emulator._engine.wire import Document

Item = dict[str, Any]
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@frozen
class WebhookSubscription:
    """One webhook subscription: an event name, a URL, and what is sent with it."""

    event_name: str
    url: str
    authorization: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@define(eq=False)
class Challenge:
    """A 3-D Secure challenge: what the shopper is asked to approve, until when, and how it ended."""

    id: str
    method: Method
    card: Card
    amount: int
    expires_at: float
    result: str | None = None


WebhookSubscriptions = dict[str, list[WebhookSubscription]]


@define(eq=False)
class Payment:
    """A payment; amounts in minor units, instants in POSIX seconds."""

    id: str
    created: float
    amount: int
    currency: str
    items: list[Item]
    reference: str | None
    expires_at: float
    webhooks: WebhookSubscriptions
    my_reference: str | None = None
    checkout: dict[str, Any] = field(factory=dict)
    checkout_url: str = ""
    fees: list[dict[str, Any]] = field(factory=list)
    configuration: list[dict[str, Any]] = field(factory=list)
    agreement_request: "AgreementRequest | None" = None
    shipping_cost_specified: bool = False
    announced: bool = False
    completed_at: float | None = None
    terminated_at: float | None = None
    reserved_at: float | None = None
    reserve_id: str | None = None
    reservation_reference: str | None = None
    reconciliation_reference: str | None = None
    method: Method | None = None
    card: Card | None = None
    challenge: Challenge | None = None
    agreement: "Agreement | None" = None
    surcharge_rate: int = 0
    reserved: int = 0
    charged: int = 0
    cancelled: int = 0
    released: int = 0
    refunded: int = 0
    charges: "list[Charge]" = field(factory=list)
    refunds: "list[Refund]" = field(factory=list)
    cancels: "list[Cancel]" = field(factory=list)
    retrieve_window: tuple[float, int] = (0.0, 0)

    @property
    def paid_with(self) -> Method:
        """The payment method; raises LookupError before the checkout is completed."""
        if self.method is None:
            raise LookupError(self.id)
        return self.method

    @property
    def rest(self) -> int:
        """What is left of the reservation."""
        return self.reserved - self.charged - self.cancelled - self.released

    @property
    def refundable(self) -> int:
        """What can still be refunded, counting pending refunds as gone."""
        return sum(charge.refundable for charge in self.charges)

    def surcharge(self, amount: int) -> int:
        """The surcharge that comes on top of a base amount."""
        return (amount * self.surcharge_rate + 5000) // 10000


@define(eq=False)
class Charge:
    id: str
    payment: Payment = field(repr=False)
    amount: int
    surcharge: int
    created: float
    items: list[Item]
    reconciliation_reference: str
    my_reference: str | None = None
    invoice_number: str | None = None
    taken_back: int = 0

    @property
    def refundable(self) -> int:
        """What can still be refunded of it, counting pending refunds as gone."""
        return self.amount - self.taken_back

    @property
    def ids(self) -> dict[str, str]:
        """Its payment's id and its own, as the API answers with them."""
        return {"paymentId": self.payment.id, "chargeId": self.id}


@define(eq=False)
class Refund:
    """A refund; on payment level it may take parts of several charges."""

    id: str
    payment: Payment = field(repr=False)
    parts: list[tuple[Charge, int]] = field(repr=False)
    amount: int
    surcharge: int
    items: list[Item]
    updated: float
    settles_at: float
    expires_at: float
    reconciliation_reference: str
    state: str = "Pending"
    my_reference: str | None = None


@define(eq=False)
class Cancel:
    """A cancelled part of a reservation."""

    id: str
    amount: int
    surcharge: int
    created: float
    items: list[Item]


@frozen
class AgreementKind:
    """Scheduled or unscheduled: what the API calls the parts of each."""

    name: str
    id_member: str
    list_member: str
    create_member: str

    @property
    def path(self) -> str:
        return f"/v1/{self.list_member.lower()}"


SCHEDULED = AgreementKind("scheduled", "subscriptionId", "subscriptions", "subscription")
UNSCHEDULED = AgreementKind(
    "unscheduled", "unscheduledSubscriptionId", "unscheduledSubscriptions", "unscheduledSubscription"
)
KINDS = {kind.name: kind for kind in (SCHEDULED, UNSCHEDULED)}


@frozen
class AgreementRequest:
    """The agreement that a payment requests: a new one of this id, or a new card for the one that has it."""

    kind: AgreementKind
    agreement_id: str
    is_update: bool
    interval: int
    end_date: float
    allow_variable_amount: bool


@define(eq=False)
class Agreement:
    """A subscription or unscheduled subscription."""

    id: str
    kind: AgreementKind
    card: Card
    method: Method
    created: float
    interval: int
    end_date: float
    amount: int | None = None
    allow_variable_amount: bool = True
    external_reference: str | None = None
    last_charged: float | None = None
    blocked: bool = False


@define(eq=False)
class BulkItem:
    """One agreement in a bulk run."""

    given_id: str | None
    external_reference: str | None
    agreement_id: str | None
    order: Document = field(repr=False)
    my_reference: str | None = None
    status: str = "Pending"
    payment_id: str | None = None
    charge_id: str | None = None
    error: Document | None = None


@define(eq=False)
class BulkRun:
    """A bulk of charges or verifications; `done` of its items are final."""

    id: str
    kind: AgreementKind
    what: str
    external_id: str | None
    items: list[BulkItem] = field(repr=False)
    created: float
    webhooks: WebhookSubscriptions = field(factory=dict, repr=False)
    done: int = 0

    @property
    def status(self) -> str:
        return "Done" if self.done == len(self.items) else "Processing"


@frozen
class Action:
    """A charge or completed refund as the payouts see it."""

    kind: str
    id: str
    charge: Charge = field(repr=False)
    amount: int
    items: list[Item] = field(repr=False)
    flexible_fee: int
    fixed_fee: int
    at: float


@define(eq=False)
class Payout:
    """Everything of one currency that is paid out on one day."""

    id: str
    deposit_id: str
    reference: str
    date: str
    currency: str
    actions: list[Action] = field(factory=list, repr=False)


@frozen(eq=False)
class Event:
    """An event, as sent to webhooks; `number` is its place among all events, from 1."""

    number: int
    id: str
    name: str
    at: float
    payment_id: str
    data: dict[str, Any] = field(repr=False)


@frozen
class Attempt:
    """One attempt of a delivery: its time, and the HTTP status or the name of the error."""

    at: float
    result: int | str


@define(eq=False)
class Delivery:
    """The delivery of one event to one webhook."""

    id: int
    event: Event
    webhook: WebhookSubscription
    body: bytes = field(repr=False)
    due: float
    state: str = "pending"
    attempts: list[Attempt] = field(factory=list)


class Schedule(Generic[T]):
    """Entries by due time, earliest first; equal times in the order they were added."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, T]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, due: float, entry: T) -> None:
        self._count += 1
        heapq.heappush(self._entries, (due, self._count, entry))

    def next_due(self) -> float | None:
        return self._entries[0][0] if self._entries else None

    def is_due(self, now: float) -> bool:
        return bool(self._entries) and self._entries[0][0] <= now

    def remove(self, entry: T) -> None:
        """Remove an entry, if it is there; the cost grows with the number of entries."""
        self._entries = [kept for kept in self._entries if kept[2] is not entry]
        heapq.heapify(self._entries)

    def take(self) -> tuple[float, T]:
        """Remove the next entry and return it with its due time."""
        due, _, entry = heapq.heappop(self._entries)
        return due, entry


Entity = Payment | Agreement | BulkRun | Payout | Event | Delivery | IdempotencyRecord
"""What is persisted as a document of its own; charges, refunds and cancels are parts of their payment."""


class Table(dict[K, T]):
    """Entries by key; `note` is called with each entry that is looked up or set, which may have been changed then."""

    def __init__(self, note: Callable[[T], None]) -> None:
        super().__init__()
        self._note = note

    def __getitem__(self, key: K) -> T:
        entry = super().__getitem__(key)
        self._note(entry)
        return entry

    def __setitem__(self, key: K, entry: T) -> None:
        super().__setitem__(key, entry)
        self._note(entry)

    @overload
    def get(self, key: K, default: None = None, /) -> T | None: ...
    @overload
    def get(self, key: K, default: Any, /) -> Any: ...
    def get(self, key: K, default: Any = None, /) -> Any:
        return self[key] if key in self else default  # noqa: SIM401  this is `get`


class State:
    """The whole state.

    Attributes:
        changed: Entities that may have changed since the last commit, in the order in which they did.
    """

    def __init__(self) -> None:
        self.changed: dict[Entity, None] = {}
        self.payments: Table[str, Payment] = Table(self.note)
        self.charges: Table[str, Charge] = Table(lambda part: self.note(part.payment))
        self.refunds: Table[str, Refund] = Table(lambda part: self.note(part.payment))
        self.waiting_for_balance: list[Refund] = []
        self.agreements: dict[str, Table[str, Agreement]] = {name: Table(self.note) for name in KINDS}
        self.by_external_reference: dict[str, Table[str, Agreement]] = {name: Table(self.note) for name in KINDS}
        self.bulk_runs: Table[str, BulkRun] = Table(self.note)
        self.bulk_by_external_id: dict[tuple[str, str, str], BulkRun] = {}
        self.payouts: Table[tuple[str, str], Payout] = Table(self.note)
        self.events: list[Event] = []
        self.events_of: dict[str, list[Event]] = {}
        self.deliveries: list[Delivery] = []
        self.deliveries_of: dict[str, list[Delivery]] = {}
        self.pending_deliveries: Schedule[Delivery] = Schedule()
        self.undelivered = 0
        self.schedule: Schedule[Callable[[Any], None]] = Schedule()
        self.idempotency_records = IdempotencyRecords(self.note)

    def add_payment(self, payment: Payment) -> None:
        """Add a payment, and what it has of charges and refunds."""
        self.payments[payment.id] = payment
        self.charges.update({charge.id: charge for charge in payment.charges})
        self.refunds.update({refund.id: refund for refund in payment.refunds})

    def add_agreement(self, agreement: Agreement) -> None:
        self.agreements[agreement.kind.name][agreement.id] = agreement
        if agreement.external_reference:
            self.by_external_reference[agreement.kind.name][agreement.external_reference] = agreement

    def add_bulk_run(self, run: BulkRun) -> None:
        self.bulk_runs[run.id] = run
        if run.external_id is not None:
            self.bulk_by_external_id[run.kind.name, run.what, run.external_id] = run

    def add_event(self, event: Event) -> None:
        self.events.append(event)
        self.events_of.setdefault(event.payment_id, []).append(event)
        self.note(event)

    def add_delivery(self, delivery: Delivery) -> None:
        """Add a delivery; a pending one is sent when it is due."""
        self.deliveries.append(delivery)
        self.deliveries_of.setdefault(delivery.event.payment_id, []).append(delivery)
        if delivery.state == "pending":
            self.pending_deliveries.add(delivery.due, delivery)
            self.undelivered += 1
        self.note(delivery)

    def note(self, entity: Entity) -> None:
        self.changed[entity] = None
