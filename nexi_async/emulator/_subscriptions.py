"""Scheduled and unscheduled subscriptions: retrieve, find, charge, ask what became of a charge, sign up many."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from nexi_async.emulator import _cards as cards
from nexi_async.emulator import _charges as charges
from nexi_async.emulator import _checkout as checkout
from nexi_async.emulator import _events as events
from nexi_async.emulator import _timestamps as timestamps
from nexi_async.emulator import _validation as validation
from nexi_async.emulator import _views as views
from nexi_async.emulator._cards import Card
from nexi_async.emulator._context import Call, Moment
from nexi_async.emulator._methods import METHODS
from nexi_async.emulator._notifications import hooks_of
from nexi_async.emulator._payments import new_payment
from nexi_async.emulator._responses import Answer, Refusal, failed, invalid, not_found
from nexi_async.emulator._settings import Settings
from nexi_async.emulator._state import SCHEDULED, Agreement, AgreementKind, Charge, Hooks, Payment

Operation = Callable[[Moment, Call], Answer]
_FAR_FUTURE = 10 * 365 * timestamps.DAY


def retrieve(kind: AgreementKind) -> Operation:
    """`GET /v1/subscriptions/{subscriptionId}` or its unscheduled twin."""

    def operation(moment: Moment, call: Call) -> Answer:
        agreement = call.find(moment, moment.books.agreements[kind.name])
        reference = call.query.get("externalreference")
        if reference and moment.settings.retrieve_checks_reference and reference != agreement.external_reference:
            raise not_found()
        return Answer(200, views.agreement(agreement))

    return operation


def find_by_reference(kind: AgreementKind) -> Operation:
    """`GET /v1/subscriptions?externalReference=` or its unscheduled twin; only imported ones have any."""

    def operation(moment: Moment, call: Call) -> Answer:
        reference = call.query.get("externalreference")
        if not reference:
            raise invalid({"externalReference": ["Is required"]})
        agreement = moment.books.by_external_reference[kind.name].get(reference)
        if agreement is None:
            raise not_found()
        return Answer(200, views.agreement(agreement))

    return operation


def charge(kind: AgreementKind) -> Operation:
    """`POST /v1/subscriptions/{subscriptionId}/charges` or its unscheduled twin."""

    def operation(moment: Moment, call: Call) -> Answer:
        body = validation.read(validation.AGREEMENT_CHARGE, call.body, moment.settings)
        agreement = call.find(moment, moment.books.agreements[kind.name])
        hooks = hooks_of(moment, body)
        delay = cards.magic_delay(body["order"]["amount"])
        try:
            made = charge_agreement(moment, agreement, body["order"], hooks, body.get("myReference"))
        except Refusal as refusal:
            raise Refusal(evolve(_as_told(refusal.answer, moment.settings), delay=delay)) from None
        ids = {"paymentId": made.payment.id, "chargeId": made.id}
        return Answer(200, ids, delay=delay, about=ids)

    return operation


def charge_status(kind: AgreementKind) -> Operation:
    """`GET /v1/subscriptions/{subscriptionId}/charges/status`: what became of the charge with this key."""

    def operation(moment: Moment, call: Call) -> Answer:
        agreement = call.find(moment, moment.books.agreements[kind.name])
        if call.key is None:
            raise invalid({"Idempotency-Key": ["Is required"]})
        scope = (charge_path(kind), agreement.id, call.key)
        remembered = moment.books.memory.look_up(scope, moment.now, moment.settings.key_lifetime_hours)
        if remembered is None or not remembered.answer.about:
            raise not_found()
        done = remembered.answer.status == 200 and not remembered.running
        if not done and not remembered.running and moment.settings.declined_charge_status == "not_found":
            raise not_found()
        return Answer(200, {**remembered.answer.about, "completed": done})

    return operation


def charge_path(kind: AgreementKind) -> str:
    """The path under which single charges of a kind are made."""
    return f"/v1/{kind.list_member.lower()}/{{id}}/charges"


def charge_agreement(
    moment: Moment, agreement: Agreement, order: dict[str, Any], hooks: Hooks, my_reference: str | None
) -> Charge:
    """Charge an agreement: a new payment, reserved and charged at once.

    Raises:
        Refusal: 402 with the reason; the attempt's payment stays in the books, without money.
    """
    payment = new_payment(moment, order, hooks, my_reference)
    payment.agreement = agreement
    checkout.complete(moment, payment, agreement.method, agreement.card)
    made = charges.new_charge(moment, payment, payment.amount, payment.items)
    _refuse_by_rule(moment, agreement, payment, made)
    _authorise(moment, agreement, payment, made)
    checkout.reserve(moment, payment)
    if moment.settings.subscription_charges_emit_reservations:
        events.reservation_created(moment, payment, payment.amount)
    try:
        charges.take(moment, made)
    except Refusal:
        payment.reserved = 0
        raise
    agreement.last_charged = moment.now
    return made


def sign_up(
    moment: Moment, kind: AgreementKind, count: int, card: Card, *, external_references: bool = False
) -> list[str]:
    """Sign up many at once, as if imported from another platform; references are `imported-1` and so on."""
    known = moment.books.agreements[kind.name]
    referenced = moment.books.by_external_reference[kind.name]
    ids = []
    for _ in range(count):
        agreement = Agreement(
            id=moment.new_id(),
            kind=kind,
            card=card,
            method=METHODS[card.brand.lower()],
            created=moment.now,
            interval=0,
            end_date=moment.now + _FAR_FUTURE,
        )
        known[agreement.id] = agreement
        ids.append(agreement.id)
        if external_references:
            agreement.external_reference = f"imported-{len(referenced) + 1}"
            referenced[agreement.external_reference] = agreement
    return ids


def unknown() -> Refusal:
    """There is no such agreement."""
    return failed("1031")


def declined(code: str, text: str | None = None, about: Mapping[str, str] | None = None) -> Refusal:
    """The issuer declined."""
    return failed(code, text or cards.decline_text(code), source="Issuer", about=about)


def _as_told(answer: Answer, settings: Settings) -> Answer:
    """The refusal of a single charge, with the platform's own code in place of the issuer's if so set."""
    if settings.declined_charge_code == "issuer" or answer.body is None or answer.body["source"] != "Issuer":
        return answer
    code = "1029" if answer.body["code"] in cards.NEVER_RETRY else "1020"
    return evolve(answer, body=answer.body | {"code": code, "source": "internal"})


def _refuse_by_rule(moment: Moment, agreement: Agreement, payment: Payment, attempt: Charge) -> None:
    about = {"paymentId": payment.id, "chargeId": attempt.id}
    if moment.now > agreement.end_date:
        raise failed("1030", about=about)
    since = max(agreement.created, agreement.last_charged or 0)
    if agreement.interval and moment.now < since + agreement.interval * timestamps.DAY:
        text = f"The subscription can be charged every {agreement.interval} days only"
        raise failed("1031", text, about=about)
    fixed = agreement.kind is SCHEDULED and not agreement.allow_variable_amount
    if moment.settings.fixed_subscription_amounts and fixed and payment.amount != agreement.amount:
        raise failed("1031", "The amount of the subscription is fixed", about=about)
    if agreement.blocked:
        raise failed("1029", about=about)


def _authorise(moment: Moment, agreement: Agreement, payment: Payment, attempt: Charge) -> None:
    code = cards.decline_code(agreement.card, payment.amount, moment.now)
    if code is None:
        return
    text = f"Direct charge failed for payment id {payment.id}: {cards.decline_text(code)}. Refused by issuer"
    events.reservation_failed(moment, payment, events.error(code, text))
    agreement.blocked = moment.settings.block_after_hard_decline and code in cards.NEVER_RETRY
    raise declined(code, text, about={"paymentId": payment.id, "chargeId": attempt.id})
