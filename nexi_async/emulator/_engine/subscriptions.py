"""Scheduled and unscheduled subscriptions: retrieve, find, charge, look up a charge by its key, create many."""

from typing import Any

from attrs import evolve

from nexi_async.emulator._engine import cards, charges, checkout, events, timestamps, views
from nexi_async.emulator._engine.cards import Card
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.methods import METHODS
from nexi_async.emulator._engine.payments import new_payment
from nexi_async.emulator._engine.responses import APIResponse, Refusal, failed, invalid, not_found
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.state import SCHEDULED, Agreement, AgreementKind, Charge, Payment, WebhookSubscriptions
from nexi_async.emulator._engine.webhooks import webhooks_of

_FAR_FUTURE = 10 * 365 * timestamps.DAY


def retrieve(kind: AgreementKind, context: Context, request: APIRequest) -> APIResponse:
    """`GET /v1/subscriptions/{subscriptionId}` or its unscheduled equivalent."""
    agreement = request.find(context, context.state.agreements[kind.name])
    reference = request.query.get("externalreference")
    if reference and context.settings.retrieve_checks_reference and reference != agreement.external_reference:
        raise not_found()
    return APIResponse(200, views.agreement(agreement))


def find_by_reference(kind: AgreementKind, context: Context, request: APIRequest) -> APIResponse:
    """`GET /v1/subscriptions?externalReference=` or its unscheduled equivalent; only imported ones have any."""
    reference = request.query.get("externalreference")
    if not reference:
        raise invalid({"externalReference": ["Is required"]})
    agreement = context.state.by_external_reference[kind.name].get(reference)
    if agreement is None:
        raise not_found()
    return APIResponse(200, views.agreement(agreement))


def charge(kind: AgreementKind, context: Context, request: APIRequest) -> APIResponse:
    """`POST /v1/subscriptions/{subscriptionId}/charges` or its unscheduled equivalent."""
    body = request.body
    agreement = request.find(context, context.state.agreements[kind.name])
    delay = cards.magic_delay(body["order"]["amount"])
    try:
        made = charge_agreement(context, agreement, body["order"], webhooks_of(body), body.get("myReference"))
    except Refusal as refusal:
        raise Refusal(evolve(_with_platform_code(refusal.response, context.settings), delay=delay)) from None
    return APIResponse(200, made.ids, delay=delay, attempted=made.ids)


def charge_status(kind: AgreementKind, context: Context, request: APIRequest) -> APIResponse:
    """`GET /v1/subscriptions/{subscriptionId}/charges/status`: the outcome of the charge with this key."""
    agreement = request.find(context, context.state.agreements[kind.name])
    if request.key is None:
        raise invalid({"Idempotency-Key": ["Is required"]})
    scope = (charge_path(kind), agreement.id, request.key)
    record = context.state.idempotency_records.look_up(scope, context.now, context.settings)
    if record is None or not record.response.attempted:
        raise not_found()
    done = record.response.status == 200 and not record.in_progress
    if not done and not record.in_progress and context.settings.declined_charge_status == "not_found":
        raise not_found()
    return APIResponse(200, {**record.response.attempted, "completed": done})


def charge_path(kind: AgreementKind) -> str:
    return f"{kind.path}/{{id}}/charges"


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
    try:
        _refuse_by_rule(context, agreement, payment.amount)
        _authorise(context, agreement, payment)
        checkout.reserve(context, payment)
        if context.settings.subscription_charges_emit_reservations:
            events.reservation_created(context, payment)
        charges.take(context, made)
    except Refusal as refusal:
        payment.reserved = 0
        raise Refusal(evolve(refusal.response, attempted=made.ids)) from None
    agreement.last_charged = context.now
    return made


def sign_up(
    context: Context, kind: AgreementKind, count: int, card: Card, *, external_references: bool = False
) -> list[str]:
    """Sign up many at once, as if imported from another platform; references are `imported-1` and so on."""
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
            external_reference=f"imported-{len(referenced) + 1}" if external_references else None,
        )
        context.state.add_agreement(agreement)
        ids.append(agreement.id)
    return ids


def _with_platform_code(response: APIResponse, settings: Settings) -> APIResponse:
    """The refusal of a single charge, with the platform's own code in place of the issuer's if so set."""
    if settings.declined_charge_code == "issuer" or response.body is None or response.body["source"] != "Issuer":
        return response
    code = "1029" if response.body["code"] in cards.NEVER_RETRY else "1020"
    return evolve(response, body=response.body | {"code": code, "source": "internal"})


def _refuse_by_rule(context: Context, agreement: Agreement, amount: int) -> None:
    if context.now > agreement.end_date:
        raise failed("1030")
    since = max(agreement.created, agreement.last_charged or 0)
    if agreement.interval and context.now < since + agreement.interval * timestamps.DAY:
        raise failed("1031", f"The subscription can be charged every {agreement.interval} days only")
    fixed = agreement.kind is SCHEDULED and not agreement.allow_variable_amount
    if context.settings.fixed_subscription_amounts and fixed and amount != agreement.amount:
        raise failed("1031", "The amount of the subscription is fixed")
    if agreement.blocked:
        raise failed("1029")


def _authorise(context: Context, agreement: Agreement, payment: Payment) -> None:
    code = cards.decline_code(agreement.card, payment.amount, context.now)
    if code is None:
        return
    text = f"Direct charge failed for payment id {payment.id}: {cards.decline_text(code)}. Refused by issuer"
    events.reservation_failed(context, payment, events.error(code, text))
    agreement.blocked = context.settings.block_after_hard_decline and code in cards.NEVER_RETRY
    raise failed(code, text, source="Issuer")
