"""The state as JSON documents, and back: what a store keeps of an engine, and what an engine makes of it.

Theory of operation. Each entity is one document with a kind and a key; a commit has the documents of those that may
have changed since the last one, whatever the size of the state. References to entities of another document are written
as keys. What follows from the documents is not stored but made again: look-up tables, the schedule, pending deliveries.
A restored delivery that was under way at the end is sent again, as nothing shows whether it arrived.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import orjson
from attrs import field, frozen
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.preconf.orjson import make_converter

from nexi_async.emulator._engine.faults import InjectedFault
from nexi_async.emulator._engine.idempotency import IdempotencyRecord
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.state import (
    KINDS,
    Action,
    Agreement,
    AgreementKind,
    BulkRun,
    Charge,
    Delivery,
    Entity,
    Event,
    Payment,
    Payout,
    Refund,
    State,
)
from nexi_async.emulator._engine.wire import JSON

VERSION = 1
"""The version of the documents; another one cannot be read."""


@frozen
class StoredDocument:
    """One document of a store."""

    kind: str
    key: str
    body: bytes


class Store(Protocol):
    """Where the documents are kept."""

    def load(self) -> list[StoredDocument]:
        """All documents, in the order in which their keys were first saved."""

    def save(self, documents: Iterable[StoredDocument], *, discard: bool) -> None:
        """Save documents all or none, replacing those of the same kind and key; `discard` removes all others."""


class UnreadableDocument(ValueError):
    """A document of the store is damaged or was not written by this version."""


@frozen
class Session:
    """What an engine has besides its state.

    Attributes:
        first_settings: The settings that the engine was started with.
        settings: The settings in force.
        faults: The injected faults, `times` counting what is left.
        clock: The time of the emulator's clock.
        wall: The real time then, in POSIX seconds.
        starts: How many times the state was loaded; makes new ids differ from earlier ones.
    """

    first_settings: Settings
    settings: Settings
    faults: tuple[InjectedFault, ...]
    clock: float
    wall: float = field(factory=time.time)
    starts: int = 0


class Persistence:
    """Keeps the state of an engine in a store.

    Args:
        store: Where.
        state: An empty state, for `restore`.
    """

    def __init__(self, store: Store, state: State) -> None:
        self._store = store
        self._state = state
        self._converter = _converter(state)

    def commit(self, changed: Iterable[Entity], session: Session, *, discard: bool = False) -> None:
        """Save the documents of entities and of the session, all or none; `discard` removes all others."""
        documents = [self._document(entity) for entity in sorted(changed, key=_commit_order)]
        documents.append(StoredDocument("session", "", orjson.dumps(self._converter.unstructure(session))))
        self._store.save(documents, discard=discard)

    def restore(self) -> Session | None:
        """Add what the store has to the state, and return the session unless the store was empty.

        Raises:
            UnreadableDocument: A document is damaged; the text names it.
        """
        by_kind: dict[str, list[StoredDocument]] = defaultdict(list)
        for document in self._store.load():
            by_kind[document.kind].append(document)
        for kind in _KINDS:  # what others refer to comes first
            for document in by_kind[kind.name]:
                kind.add(self._state, self._read(document, kind.cls))
        sessions = [self._read(document, Session) for document in by_kind["session"]]
        self._state.changed.clear()
        return sessions[0] if sessions else None

    def _document(self, entity: Entity) -> StoredDocument:
        kind = _KIND_OF[type(entity)]
        return StoredDocument(kind.name, kind.key(entity), orjson.dumps(self._converter.unstructure(entity)))

    def _read(self, document: StoredDocument, cls: type[Any]) -> Any:
        try:
            return self._converter.structure(orjson.loads(document.body), cls)
        except Exception as error:
            msg = f"the stored state is damaged: its {document.kind} {document.key} cannot be read; use another file"
            raise UnreadableDocument(msg) from error


def _commit_order(entity: Entity) -> int:
    """Events and deliveries are restored in the order of their numbers."""
    return entity.number if isinstance(entity, Event) else entity.id if isinstance(entity, Delivery) else 0


@frozen
class _Kind:
    name: str
    cls: type[Any]
    key: Callable[[Any], str]
    add: Callable[[State, Any], None]


def _add_agreement(state: State, agreement: Agreement) -> None:
    state.agreements[agreement.kind.name][agreement.id] = agreement
    if agreement.external_reference:
        state.by_external_reference[agreement.kind.name][agreement.external_reference] = agreement


def _add_payment(state: State, payment: Payment) -> None:
    state.payments[payment.id] = payment
    state.charges.update({charge.id: charge for charge in payment.charges})
    state.refunds.update({refund.id: refund for refund in payment.refunds})


def _add_bulk_run(state: State, run: BulkRun) -> None:
    state.bulk_runs[run.id] = run
    if run.external_id is not None:
        state.bulk_by_external_id[run.kind.name, run.what, run.external_id] = run


def _add_payout(state: State, payout: Payout) -> None:
    state.payouts[payout.date, payout.currency] = payout


def _record_key(record: IdempotencyRecord) -> str:
    return orjson.dumps(record.scope).decode()


_KINDS = (
    _Kind("agreement", Agreement, lambda it: f"{it.kind.name} {it.id}", _add_agreement),
    _Kind("payment", Payment, lambda it: str(it.id), _add_payment),
    _Kind("bulk run", BulkRun, lambda it: str(it.id), _add_bulk_run),
    _Kind("payout", Payout, lambda it: str(it.id), _add_payout),
    _Kind("event", Event, lambda it: str(it.number), State.add_event),
    _Kind("delivery", Delivery, lambda it: str(it.id), State.add_delivery),
    _Kind("idempotency record", IdempotencyRecord, _record_key, lambda state, it: state.idempotency_records.add(it)),
)
_KIND_OF: Mapping[type[Any], _Kind] = {kind.cls: kind for kind in _KINDS}


def _converter(state: State) -> Converter:
    """A converter that finds the entities that a document refers to in this state."""
    converter = make_converter()
    converter.register_unstructure_hook(AgreementKind, lambda kind: kind.name)
    converter.register_structure_hook(AgreementKind, lambda name, _: KINDS[name])
    _register_payments(converter, state)
    by_id = override(
        unstruct_hook=lambda charge: charge.id, struct_hook=lambda key, _: dict.__getitem__(state.charges, key)
    )
    _register(converter, Action, charge=by_id)
    text = override(unstruct_hook=bytes.decode, struct_hook=lambda value, _: value.encode())
    event = override(unstruct_hook=lambda event: event.number, struct_hook=lambda number, _: state.events[number - 1])
    _register(converter, Delivery, body=text, event=event)
    _register(converter, IdempotencyRecord, in_progress=override(omit=True))
    return converter


def _register(converter: Converter, cls: type[Any], **overrides: Any) -> None:
    converter.register_unstructure_hook(cls, make_dict_unstructure_fn(cls, converter, **overrides))
    converter.register_structure_hook(cls, make_dict_structure_fn(cls, converter, **overrides))


def _register_payments(converter: Converter, state: State) -> None:
    """A payment has its charges and refunds inside; they are read after it, as they refer to it."""

    def structure_payment(document: JSON, _: type[Payment]) -> Payment:
        payment: Payment = read_payment(document, Payment)
        payment.charges = [read_charge({**each, "payment": payment}, Charge) for each in document["charges"]]
        charges = {charge.id: charge for charge in payment.charges}
        for each in document["refunds"]:
            parts = [(charges[charge_id], amount) for charge_id, amount in each["parts"]]
            payment.refunds.append(read_refund({**each, "payment": payment, "parts": parts}, Refund))
        return payment

    as_it_is = override(struct_hook=lambda value, _: value)
    omitted = override(omit=True)
    agreement = override(
        unstruct_hook=lambda agreement: agreement and [agreement.kind.name, agreement.id],
        struct_hook=lambda found, _: found and dict.__getitem__(state.agreements[found[0]], found[1]),
    )
    parts = override(unstruct_hook=lambda parts: [(charge.id, amount) for charge, amount in parts])
    converter.register_unstructure_hook(Charge, make_dict_unstructure_fn(Charge, converter, payment=omitted))
    converter.register_unstructure_hook(
        Refund, make_dict_unstructure_fn(Refund, converter, payment=omitted, parts=parts)
    )
    converter.register_unstructure_hook(Payment, make_dict_unstructure_fn(Payment, converter, agreement=agreement))
    read_charge = make_dict_structure_fn(Charge, converter, payment=as_it_is)
    read_refund = make_dict_structure_fn(Refund, converter, payment=as_it_is, parts=as_it_is)
    read_payment = make_dict_structure_fn(Payment, converter, agreement=agreement, charges=omitted, refunds=omitted)
    converter.register_structure_hook(Payment, structure_payment)
