"""Payouts of the Reporting API, made from the emulator's own charges and refunds.

Each charge and each completed refund is paid out `payout_days` later, together with everything of that day in the same
currency. Where refunds and fees exceed the charges, a deposit makes up for it.
"""

import re
from datetime import date

from nexi_async.emulator._engine import timestamps
from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.fields import FieldErrors
from nexi_async.emulator._engine.paging import skip_and_take
from nexi_async.emulator._engine.random_source import is_id, normal_id
from nexi_async.emulator._engine.responses import APIResponse, invalid, not_found
from nexi_async.emulator._engine.state import Action, Charge, Item, Payout, Refund
from nexi_async.emulator._engine.wire import Document

_IBAN = "NO9386011117947"
_BIC = "DNBANOKKXXX"
# Fees as a merchant could have them: percent x 100, and minor units.
_CHARGE_FEE_RATE = 140
_CHARGE_FIXED_FEE = 200
_REFUND_FIXED_FEE = 100


def record_charge(context: Context, charge: Charge) -> None:
    """A charge was made; it will be paid out."""
    amount = charge.amount + charge.surcharge
    flexible = amount * _CHARGE_FEE_RATE // 10000
    action = Action("CHARGE", charge.id, charge, amount, charge.items, flexible, _CHARGE_FIXED_FEE, context.now)
    _record(context, action)


def record_refund(context: Context, refund: Refund) -> None:
    """A refund was completed; it will be taken off a payout."""
    charge, amount = refund.parts[0][0], refund.amount + refund.surcharge
    fee = _REFUND_FIXED_FEE
    _record(context, Action("REFUND", refund.id, charge, amount, refund.items, 0, fee, context.now))


def balances(context: Context, request: APIRequest) -> APIResponse:
    """`GET /report/v1/balances`: what is not yet paid out. The real answer's schema is not published."""
    errors = FieldErrors(context.settings)
    _read_date(request, "fromDate", errors, required=False)
    _read_date(request, "toDate", errors, required=False)
    errors.raise_any()
    wanted = {currency for currency in request.query.get("currencies", "").split(",") if currency}
    today = timestamps.render_date(context.now)
    amounts: dict[str, int] = {}
    for payout in context.state.payouts.values():
        if payout.date > today and (not wanted or payout.currency in wanted):
            amounts[payout.currency] = amounts.get(payout.currency, 0) + _net(payout)
    entries = [{"currency": currency, "amount": amount} for currency, amount in sorted(amounts.items())]
    return APIResponse(200, {"balances": entries})


def find(context: Context, request: APIRequest) -> APIResponse:
    """`GET /report/v1/payouts`: payouts from one date to another, both included, by date and id."""
    errors = FieldErrors(context.settings)
    first = _read_date(request, "fromDate", errors, required=True)
    last = _read_date(request, "toDate", errors, required=True)
    if not errors and first > last:
        errors.add("toDate", "Must not be before fromDate")
    errors.raise_any()
    skip, take = skip_and_take(request.query, first_page=0)
    currency = request.query.get("currency")
    found = [payout for payout in _paid_out(context) if first <= payout.date <= last]
    found = [payout for payout in found if currency in (None, payout.currency)]
    page = [_summary(payout) for payout in found[skip : skip + take]]
    return APIResponse(200, {"numberOfPayouts": len(found), "payouts": page})


def retrieve(context: Context, request: APIRequest) -> APIResponse:
    """`GET /report/v1/payouts/{id}`: one payout and a page of its payment actions."""
    if not is_id(request.path["id"]):
        raise invalid({"id": ["Must be a UUID"]})
    skip, take = skip_and_take(request.query, first_page=0)
    wanted = normal_id(request.path["id"])
    payout = next((payout for payout in _paid_out(context) if payout.id == wanted), None)
    if payout is None:
        raise not_found()
    found = document(payout)
    found["paymentActions"] = found["paymentActions"][skip : skip + take]
    return APIResponse(200, found)


def document(payout: Payout) -> Document:
    """A whole payout, whether its day has come or not."""
    actions = [_action(payout, action) for action in payout.actions] + _deposits(payout)
    return _summary(payout) | {"numberOfPaymentActions": len(actions), "paymentActions": actions}


def _record(context: Context, action: Action) -> None:
    day = timestamps.render_date(context.now + context.settings.payout_days * timestamps.DAY)
    currency = action.charge.payment.currency
    payout = context.state.payouts.get((day, currency))
    if payout is None:
        reference = f"NEXI {context.random_source.digits(7)}"
        payout = Payout(context.new_id(), context.new_id(), reference, day, currency)
        context.state.payouts[day, currency] = payout
    payout.actions.append(action)


def _paid_out(context: Context) -> list[Payout]:
    today = timestamps.render_date(context.now)
    due = [payout for payout in context.state.payouts.values() if payout.date <= today]
    return sorted(due, key=lambda payout: (payout.date, payout.id))


def _total(payout: Payout, kind: str) -> int:
    return sum(action.amount for action in payout.actions if action.kind == kind)


def _fees(payout: Payout) -> int:
    return sum(action.flexible_fee + action.fixed_fee for action in payout.actions)


def _net(payout: Payout) -> int:
    return _total(payout, "CHARGE") - _total(payout, "REFUND") - _fees(payout)


def _summary(payout: Payout) -> Document:
    net = _net(payout)
    charged = [item for action in payout.actions if action.kind == "CHARGE" for item in action.items]
    return {
        "id": payout.id,
        "reference": payout.reference,
        "date": payout.date,
        "bankAccountIban": _IBAN,
        "bankAccountBic": _BIC,
        "currency": payout.currency,
        "amount": max(0, net),
        "chargedAmount": _total(payout, "CHARGE"),
        "refundedAmount": _total(payout, "REFUND"),
        "depositedAmount": max(0, -net),
        "fees": _fees(payout),
        **_NO_FEE_TAX,
        "transactionTaxDetails": _tax_details(charged),
    }


_NO_FEE_TAX = {"feeVATpercent": 0, "feeTaxRate": 0, "feeTaxAmount": 0}


def _action(payout: Payout, action: Action) -> Document:
    payment = action.charge.payment
    return {
        "id": action.id,
        "paymentId": payment.id,
        "paymentAction": action.kind,
        "paymentMethod": payment.paid_with.name,
        "paymentType": payment.paid_with.type,
        "timestamp": timestamps.render_milliseconds(action.at),
        "reference": payment.reference,
        "invoiceNumber": action.charge.invoice_number,
        "amount": action.amount,
        "vatAmount": sum(item["taxAmount"] for item in action.items),
        "currency": payout.currency,
        "fee": action.flexible_fee + action.fixed_fee,
        "flexibleFee": action.flexible_fee,
        "fixedFee": action.fixed_fee,
        **_NO_FEE_TAX,
        "transactionTaxDetails": _tax_details(action.items),
        "subscriptionId": payment.agreement.id if payment.agreement else None,
    }


def _deposits(payout: Payout) -> list[Document]:
    amount = -_net(payout)
    if amount <= 0:
        return []
    deposit = {"id": payout.deposit_id, "paymentAction": "DEPOSIT", "timestamp": f"{payout.date}T00:00:00.000Z"}
    money = {"amount": amount, "vatAmount": 0, "currency": payout.currency, "fee": 0, "flexibleFee": 0, "fixedFee": 0}
    return [deposit | money | _NO_FEE_TAX | {"transactionTaxDetails": []}]


def _tax_details(items: list[Item]) -> list[Document]:
    amounts: dict[int, int] = {}
    for item in items:
        amounts[item["taxRate"]] = amounts.get(item["taxRate"], 0) + item["taxAmount"]
    return [{"rate": rate, "amount": amount} for rate, amount in sorted(amounts.items())]


def _read_date(request: APIRequest, name: str, errors: FieldErrors, *, required: bool) -> str:
    text = request.query.get(name.lower())
    if text is None:
        if required:
            errors.add(name, "Is required")
        return ""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError(text)
        date.fromisoformat(text)
    except ValueError:
        errors.add(name, "Must be a date as in RFC 3339, YYYY-MM-DD")
    return text
