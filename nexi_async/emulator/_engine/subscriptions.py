"""Scheduled and unscheduled subscriptions: retrieve, find, charge, look up a charge by its key, create many."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from nexi_async.emulator._engine import cards, charges, checkout, events, timestamps, validation, views
from nexi_async.emulator._engine.cards import Card
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.methods import METHODS
from nexi_async.emulator._engine.payments import new_payment
from nexi_async.emulator._engine.responses import APIResponse, Refusal, failed, invalid, not_found
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.state import SCHEDULED, Agreement, AgreementKind, Charge, Payment, WebhookSubscriptions
from nexi_async.emulator._engine.webhooks import webhooks_of

Operation = Callable[[Context, APIRequest], APIResponse]
_FAR_FUTURE = 10 * 365 * timestamps.DAY


def retrieve(kind: AgreementKind) -> Operation:
    """`GET /v1/subscriptions/{subscriptionId}` or its unscheduled equivalent."""

    def operation(context: Context, request: APIRequest) -> APIResponse:
        agreement = request.find(context, context.state.agreements[kind.name])
        reference = request.query.get("externalreference")
        if reference and context.settings.retrieve_checks_reference and reference != agreement.external_reference:
            raise not_found()
        return APIResponse(200, views.agreement(agreement))

    return operation


def find_by_reference(kind: AgreementKind) -> Operation:
    """`GET /v1/subscriptions?externalReference=` or its unscheduled equivalent; only imported ones have any."""

    def operation(context: Context, request: APIRequest) -> APIResponse:
        reference = request.query.get("externalreference")
        if not reference:
            raise invalid({"externalReference": ["Is required"]})
        agreement = context.state.by_external_reference[kind.name].get(reference)
        if agreement is None:
            raise not_found()
        return APIResponse(200, views.agreement(agreement))

    return operation


def charge(kind: AgreementKind) -> Operation:
    """`POST /v1/subscriptions/{subscriptionId}/charges` or its unscheduled equivalent."""

    def operation(context: Context, request: APIRequest) -> APIResponse:
        body = validation.read(validation.AGREEMENT_CHARGE, request.body, context.settings)
        agreement = request.find(context, context.state.agreements[kind.name])
        webhooks = webhooks_of(context, body)
        delay = cards.magic_delay(body["order"]["amount"])
        try:
            made = charge_agreement(context, agreement, body["order"], webhooks, body.get("myReference"))
        except Refusal as refusal:
            raise Refusal(evolve(_with_platform_code(refusal.response, context.settings), delay=delay)) from None
        ids = {"paymentId": made.payment.id, "chargeId": made.id}
        return APIResponse(200, ids, delay=delay, attempted=ids)

    return operation


def charge_status(kind: AgreementKind) -> Operation:
    """`GET /v1/subscriptions/{subscriptionId}/charges/status`: the outcome of the charge with this key."""

    def operation(context: Context, request: APIRequest) -> APIResponse:
        agreement = request.find(context, context.state.agreements[kind.name])
        if request.key is None:
            raise invalid({"Idempotency-Key": ["Is required"]})
        scope = (charge_path(kind), agreement.id, request.key)
        record = context.state.idempotency_records.look_up(scope, context.now, context.settings.key_lifetime_hours)
        if record is None or not record.response.attempted:
            raise not_found()
        done = record.response.status == 200 and not record.in_progress
        if not done and not record.in_progress and context.settings.declined_charge_status == "not_found":
            raise not_found()
        return APIResponse(200, {**record.response.attempted, "completed": done})

    return operation


def charge_path(kind: AgreementKind) -> str:
    """The path under which single charges of a kind are made."""
    return f"/v1/{kind.list_member.lower()}/{{id}}/charges"


def charge_agreement(
    context: Context,
    agreement: Agreement,
    order: dict[str, Any],
    webhooks: WebhookSubscriptions,
    my_reference: str | None,
) -> Charge:
    """Charge an agreement: a new payment, reserved and charged at once.

    Raises:
        Refusal: 402 with the reason; the payment of the attempt stays in the state, without money.
    """
    payment = new_payment(context, order, webhooks, my_reference)
    payment.agreement = agreement
    checkout.complete(context, payment, agreement.method, agreement.card)
    made = charges.new_charge(context, payment, payment.amount, payment.items)
    _refuse_by_rule(context, agreement, payment, made)
    _authorise(context, agreement, payment, made)
    checkout.reserve(context, payment)
    if context.settings.subscription_charges_emit_reservations:
        events.reservation_created(context, payment, payment.amount)
    try:
        charges.take(context, made)
    except Refusal:
        payment.reserved = 0
        raise
    agreement.last_charged = context.now
    return made


def sign_up(
    context: Context, kind: AgreementKind, count: int, card: Card, *, external_references: bool = False
) -> list[str]:
    """Sign up many at once, as if imported from another platform; references are `imported-1` and so on."""
    known = context.state.agreements[kind.name]
    referenced = context.state.by_external_reference[kind.name]
    ids = []
    for _ in range(count):
        agreement = Agreement(
            id=context.new_id(),
            kind=kind,
            card=card,
            method=METHODS[card.brand.lower()],
            created=context.now,
            interval=0,
            end_date=context.now + _FAR_FUTURE,
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


def declined(code: str, text: str | None = None, attempted: Mapping[str, str] | None = None) -> Refusal:
    """The issuer declined."""
    return failed(code, text or cards.decline_text(code), source="Issuer", attempted=attempted)


def _with_platform_code(response: APIResponse, settings: Settings) -> APIResponse:
    """The refusal of a single charge, with the platform's own code in place of the issuer's if so set."""
    if settings.declined_charge_code == "issuer" or response.body is None or response.body["source"] != "Issuer":
        return response
    code = "1029" if response.body["code"] in cards.NEVER_RETRY else "1020"
    return evolve(response, body=response.body | {"code": code, "source": "internal"})


def _refuse_by_rule(context: Context, agreement: Agreement, payment: Payment, attempt: Charge) -> None:
    attempted = {"paymentId": payment.id, "chargeId": attempt.id}
    if context.now > agreement.end_date:
        raise failed("1030", attempted=attempted)
    since = max(agreement.created, agreement.last_charged or 0)
    if agreement.interval and context.now < since + agreement.interval * timestamps.DAY:
        text = f"The subscription can be charged every {agreement.interval} days only"
        raise failed("1031", text, attempted=attempted)
    fixed = agreement.kind is SCHEDULED and not agreement.allow_variable_amount
    if context.settings.fixed_subscription_amounts and fixed and payment.amount != agreement.amount:
        raise failed("1031", "The amount of the subscription is fixed", attempted=attempted)
    if agreement.blocked:
        raise failed("1029", attempted=attempted)


def _authorise(context: Context, agreement: Agreement, payment: Payment, attempt: Charge) -> None:
    code = cards.decline_code(agreement.card, payment.amount, context.now)
    if code is None:
        return
    text = f"Direct charge failed for payment id {payment.id}: {cards.decline_text(code)}. Refused by issuer"
    events.reservation_failed(context, payment, events.error(code, text))
    agreement.blocked = context.settings.block_after_hard_decline and code in cards.NEVER_RETRY
    raise declined(code, text, attempted={"paymentId": payment.id, "chargeId": attempt.id})
