"""Bulk runs: charge or verify many agreements at once, item by item as time passes.

A run takes `bulk_seconds` from its start to Done, its items spread evenly over that time. One entry of
the schedule at a time drives it: each finished item schedules the next.
"""

from functools import partial

from nexi_async.emulator._engine import cards, subscriptions
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.paging import skip_and_take
from nexi_async.emulator._engine.responses import APIResponse, Refusal, failed, not_found
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.state import AgreementKind, BulkItem, BulkRun
from nexi_async.emulator._engine.webhooks import webhooks_of
from nexi_async.emulator._engine.wire import Document

_NO_ID = "0" * 32
_EXTERNAL_ID = {"charges": "externalBulkChargeId", "verifications": "externalBulkVerificationId"}


def start(kind: AgreementKind, what: str, context: Context, request: APIRequest) -> APIResponse:
    """`POST /v1/subscriptions/charges` and its three equivalents; a known external id starts no second run."""
    body = request.body
    webhooks, external_id = webhooks_of(body), body.get(_EXTERNAL_ID[what])
    run = context.state.bulk_by_external_id.get((kind.name, what, external_id))
    if run is None:
        items = [_item(context, kind, entry) for entry in body[kind.list_member]]
        run = BulkRun(context.new_id(), kind, what, external_id, items, context.now, webhooks)
        context.state.add_bulk_run(run)
        plan_next(context, run)
    return APIResponse(202, {"bulkId": run.id})


def retrieve(kind: AgreementKind, what: str, context: Context, request: APIRequest) -> APIResponse:
    """`GET /v1/subscriptions/charges/{bulkId}` and its three equivalents: one page of items."""
    run = request.find(context, context.state.bulk_runs)
    if run.kind is not kind or run.what != what:
        raise not_found()
    skip, take = skip_and_take(request.query, first_page=context.settings.bulk_first_page)
    page = [_item_view(run, item, context.settings) for item in run.items[skip : skip + take]]
    return APIResponse(200, {"page": page, "more": skip + take < len(run.items), "status": run.status})


def document(run: BulkRun, settings: Settings) -> Document:
    what = {"bulkId": run.id, "kind": run.kind.name, "what": run.what, "status": run.status}
    external_id = {"externalId": run.external_id} if run.external_id else {}
    return what | external_id | {"items": [_item_view(run, item, settings) for item in run.items]}


def plan_next(context: Context, run: BulkRun) -> None:
    if run.done < len(run.items):
        due = run.created + context.settings.bulk_seconds * (run.done + 1) / len(run.items)
        context.state.schedule.add(due, partial(_do_next, run=run))


def _do_next(context: Context, run: BulkRun) -> None:
    item = run.items[run.done]
    context.state.note(run)
    try:
        _do(context, run, item)
    except Refusal as refusal:
        item.status = "Failed"
        item.error = refusal.response.body
        item.payment_id = refusal.response.attempted.get("paymentId")
    else:
        item.status = "Succeeded"
    run.done += 1
    plan_next(context, run)


def _do(context: Context, run: BulkRun, item: BulkItem) -> None:
    agreement = context.state.agreements[run.kind.name].get(item.agreement_id or "")
    if agreement is None:
        raise failed("1031")
    if run.what == "charges":
        made = subscriptions.charge_agreement(context, agreement, item.order, run.webhooks, item.my_reference)
        item.payment_id, item.charge_id = made.payment.id, made.id
        return
    code = cards.decline_code(agreement.card, 0, context.now)
    if code is not None:
        raise failed(code, cards.decline_text(code), source="Issuer")


def _item(context: Context, kind: AgreementKind, entry: Document) -> BulkItem:
    given_id, reference = entry.get(kind.id_member) or None, entry.get("externalReference") or None
    if reference is not None:
        agreement = context.state.by_external_reference[kind.name].get(reference)
    else:
        agreement = context.state.agreements[kind.name].get(given_id or "")
    agreement_id = agreement.id if agreement else None
    return BulkItem(given_id, reference, agreement_id, entry.get("order", {}), entry.get("myReference"))


def _item_view(run: BulkRun, item: BulkItem, settings: Settings) -> Document:
    agreement_id = item.agreement_id or item.given_id
    if agreement_id is None and settings.bulk_items_have_ids:
        agreement_id = _NO_ID
    members = {
        run.kind.id_member: agreement_id,
        "externalReference": item.external_reference,
        "paymentId": item.payment_id,
        "chargeId": item.charge_id,
        "status": item.status,
    }
    document: Document = {name: value for name, value in members.items() if value is not None}
    shown = ("message", "code", "source") if run.what == "charges" else ("message", "code")
    return document | {name: item.error[name] for name in shown if item.error}
