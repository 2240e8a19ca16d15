"""The state as JSON documents, and back: what a store keeps of an engine, and what an engine makes of it.

Theory of operation. Each entity is one document with a kind and a key; a commit has the documents of those that may
have changed since the last one, whatever the size of the state, in the order in which they did. References to entities
of another document are written as keys. What follows from the documents is not stored but made again: look-up tables,
the schedule, pending deliveries. A restored delivery that was under way at the end is sent again, as nothing shows
whether it arrived.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
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
from nexi_async.emulator._engine.wire import Document

VERSION = 1
"""The version of the documents; another one cannot be read."""

_Link = Callable[[State, Document], Document]
"""Puts entities of the state in the place of the keys by which a document refers to them."""


@frozen
class StoredDocument:
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
        faults: The injected faults, `times` counting what is left.
        wall: The real time then, in POSIX seconds.
        starts: How many times the state was loaded; makes new ids differ from earlier ones.
    """

    first_settings: Settings
    settings: Settings
    faults: tuple[InjectedFault, ...]
    clock: float
    wall: float = field(factory=time.time)
    starts: int = 0


def commit(store: Store, changed: Iterable[Entity], session: Session, *, discard: bool = False) -> None:
    """Save the documents of entities and of the session, all or none; `discard` removes all others."""
    documents = [_document(entity) for entity in changed]
    documents.append(StoredDocument("session", "", orjson.dumps(_converter().unstructure(session))))
    store.save(documents, discard=discard)


def restore(store: Store, state: State) -> Session | None:
    """Add what the store has to an empty state, and return the session unless the store was empty.

    Raises:
        UnreadableDocument: A document is damaged; the text names it.
    """
    by_kind: dict[str, list[StoredDocument]] = defaultdict(list)
    for document in store.load():
        by_kind[document.kind].append(document)
    for kind in _KINDS:  # what others refer to comes first
        for document in by_kind[kind.name]:
            kind.add(state, _read(state, document, kind.cls, kind.link))
    state.changed.clear()
    return next((_read(state, document, Session) for document in by_kind["session"]), None)


def _document(entity: Entity) -> StoredDocument:
    kind = _KIND_OF[type(entity)]
    return StoredDocument(kind.name, kind.key(entity), orjson.dumps(_converter().unstructure(entity)))


def _unlinked(_: State, document: Document) -> Document:
    return document


def _read(state: State, document: StoredDocument, cls: type[Any], link: _Link = _unlinked) -> Any:
    try:
        return _converter().structure(link(state, orjson.loads(document.body)), cls)
    except Exception as error:
        msg = f"the stored state is damaged: its {document.kind} {document.key} cannot be read; use another file"
        raise UnreadableDocument(msg) from error


@frozen
class _Kind:
    name: str
    cls: type[Any]
    key: Callable[[Any], str]
    add: Callable[[State, Any], None]
    link: _Link = _unlinked


def _link_payment(state: State, document: Document) -> Document:
    if document["agreement"] is None:
        return document
    kind, agreement_id = document["agreement"]
    return document | {"agreement": state.agreements[kind][agreement_id]}


def _link_payout(state: State, document: Document) -> Document:
    actions = [action | {"charge": state.charges[action["charge"]]} for action in document["actions"]]
    return document | {"actions": actions}


def _link_delivery(state: State, document: Document) -> Document:
    return document | {"event": state.events[document["event"] - 1]}


def _add_payout(state: State, payout: Payout) -> None:
    state.payouts[payout.date, payout.currency] = payout


def _record_key(record: IdempotencyRecord) -> str:
    return orjson.dumps(record.scope).decode()


_KINDS = (
    _Kind("agreement", Agreement, lambda it: f"{it.kind.name} {it.id}", State.add_agreement),
    _Kind("payment", Payment, lambda it: str(it.id), State.add_payment, _link_payment),
    _Kind("bulk run", BulkRun, lambda it: str(it.id), State.add_bulk_run),
    _Kind("payout", Payout, lambda it: str(it.id), _add_payout, _link_payout),
    _Kind("event", Event, lambda it: str(it.number), State.add_event),
    _Kind("delivery", Delivery, lambda it: str(it.id), State.add_delivery, _link_delivery),
    _Kind("idempotency record", IdempotencyRecord, _record_key, lambda state, it: state.idempotency_records.add(it)),
)
_KIND_OF: Mapping[type[Any], _Kind] = {kind.cls: kind for kind in _KINDS}


def _unchanged(value: Any, _: Any) -> Any:
    return value


_LINKED = override(struct_hook=_unchanged)
_OMITTED = override(omit=True)


@cache
def _converter() -> Converter:
    """Writes entities as documents, and reads documents whose references are linked; making it takes milliseconds."""
    converter = make_converter()
    converter.register_unstructure_hook(AgreementKind, lambda kind: kind.name)
    converter.register_structure_hook(AgreementKind, lambda name, _: KINDS[name])
    _register_payments(converter)
    _register(converter, Action, charge=_reference(lambda charge: charge.id))
    body = override(unstruct_hook=bytes.decode, struct_hook=lambda text, _: text.encode())
    _register(converter, Delivery, body=body, event=_reference(lambda event: event.number))
    _register(converter, IdempotencyRecord, in_progress=_OMITTED)
    return converter


def _reference(key: Callable[[Any], Any]) -> Any:
    """An attribute that is written as the key of the entity to which it refers, and read after it was linked."""
    return override(unstruct_hook=key, struct_hook=_unchanged)


def _register(converter: Converter, cls: type[Any], **overrides: Any) -> None:
    converter.register_unstructure_hook(cls, make_dict_unstructure_fn(cls, converter, **overrides))
    converter.register_structure_hook(cls, make_dict_structure_fn(cls, converter, **overrides))


def _register_payments(converter: Converter) -> None:
    """A payment has its charges and refunds inside; they are read after it, as they refer to it."""

    def structure_payment(document: Document, _: type[Payment]) -> Payment:
        payment: Payment = read_payment(document, Payment)
        payment.charges = [read_charge({**each, "payment": payment}, Charge) for each in document["charges"]]
        charges = {charge.id: charge for charge in payment.charges}
        for each in document["refunds"]:
            parts = [(charges[charge_id], amount) for charge_id, amount in each["parts"]]
            payment.refunds.append(read_refund({**each, "payment": payment, "parts": parts}, Refund))
        return payment

    agreement = _reference(lambda agreement: agreement and [agreement.kind.name, agreement.id])
    parts = override(unstruct_hook=lambda parts: [(charge.id, amount) for charge, amount in parts])
    converter.register_unstructure_hook(Charge, make_dict_unstructure_fn(Charge, converter, payment=_OMITTED))
    converter.register_unstructure_hook(
        Refund, make_dict_unstructure_fn(Refund, converter, payment=_OMITTED, parts=parts)
    )
    converter.register_unstructure_hook(Payment, make_dict_unstructure_fn(Payment, converter, agreement=agreement))
    read_charge = make_dict_structure_fn(Charge, converter, payment=_LINKED)
    read_refund = make_dict_structure_fn(Refund, converter, payment=_LINKED, parts=_LINKED)
    read_payment = make_dict_structure_fn(Payment, converter, agreement=agreement, charges=_OMITTED, refunds=_OMITTED)
    converter.register_structure_hook(Payment, structure_payment)
