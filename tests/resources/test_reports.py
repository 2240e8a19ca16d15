"""Tests of nexi_async._resources.reports."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from nexi_async import AsyncCheckout, InvalidRequest, UnexpectedResponse
from nexi_async.reference.states import PaymentAction
from tests.scripted import ScriptedAPI, answer, client

SEPTEMBER: Any = {"from_date": date(2026, 9, 1), "to_date": date(2026, 9, 30)}


def payout(number: int = 1) -> dict[str, Any]:
    """A payout as the documents show it."""
    return {
        "id": f"po{number}",
        "reference": "NEXI 1",
        "date": "2026-09-17",
        "bankAccountIban": "NO9300000000000",
        "bankAccountBic": "XXXXNOKKXXX",
        "currency": "NOK",
        "amount": 1168230,
        "chargedAmount": 1230000,
        "refundedAmount": 37700,
        "depositedAmount": 0,
        "fees": 24070,
        "feeVATpercent": 0,
        "feeTaxRate": 0,
        "feeTaxAmount": 0,
        "transactionTaxDetails": [{"rate": 2500, "amount": 246000}],
    }


def action(number: int) -> dict[str, Any]:
    """A charge within a payout."""
    return {
        "id": f"c{number}",
        "paymentId": "p1",
        "paymentAction": "CHARGE",
        "paymentMethod": "Visa",
        "paymentType": "CARD",
        "timestamp": "2026-09-14T08:23:12.904Z",
        "invoiceNumber": None,
        "amount": 37700,
        "currency": "NOK",
        "fee": 730,
    }


def payouts(*numbers: int, total: int) -> httpx.Response:
    """A page of payouts."""
    return answer(200, {"numberOfPayouts": total, "payouts": [payout(number) for number in numbers]})


def actions(*numbers: int, total: int) -> httpx.Response:
    """A payout with a page of what it is made of."""
    page = {"numberOfPaymentActions": total, "paymentActions": [action(number) for number in numbers]}
    return answer(200, payout() | page)


async def test_balances() -> None:
    """Their schema is not published, so they come as they are."""
    api = ScriptedAPI(answer(200, {"balances": [{"currency": "EUR", "amount": 0}]}))
    async with client(api) as checkout:
        found = await checkout.reports.balances(currencies=["EUR", "DKK"], from_date=date(2026, 9, 1))
    assert found == {"balances": [{"currency": "EUR", "amount": 0}]}
    assert api.calls == ["GET /report/v1/balances?currencies=EUR%2CDKK&fromDate=2026-09-01"]


async def test_balances_of_everything() -> None:
    """Nothing asked for in particular is everything."""
    api = ScriptedAPI(answer(200, []))
    async with client(api) as checkout:
        assert await checkout.reports.balances() == []
    assert api.calls == ["GET /report/v1/balances"]


async def test_payouts() -> None:
    """Pages are numbered from 0 and fetched until all were seen."""
    api = ScriptedAPI(payouts(1, 2, total=3), payouts(3, total=3))
    async with client(api) as checkout:
        found = [each.id async for each in checkout.reports.payouts(**SEPTEMBER, currency="NOK", page_size=2)]
    assert found == ["po1", "po2", "po3"]
    assert api.calls == [
        f"GET /report/v1/payouts?fromDate=2026-09-01&toDate=2026-09-30&currency=NOK&pageSize=2&pageNumber={number}"
        for number in (0, 1)
    ]


async def test_leaving_payouts_early() -> None:
    """Who has seen enough closes the iterator, and nothing stays behind."""
    api = ScriptedAPI(payouts(1, 2, total=3))
    async with client(api) as checkout, aclosing(checkout.reports.payouts(**SEPTEMBER)) as found:
        async for each in found:
            assert each.id == "po1"
            break
    gc.collect(1)  # the young objects alone: among them is whatever this test has left behind
    assert len(api.requests) == 1


async def test_no_payouts() -> None:
    """A period without payouts yields nothing."""
    async with client(ScriptedAPI(payouts(total=0))) as checkout:
        assert [each async for each in checkout.reports.payouts(**SEPTEMBER)] == []


async def test_payouts_end_with_an_empty_page() -> None:
    """A total that does not add up does not ask for ever."""
    api = ScriptedAPI(payouts(1, total=9), payouts(total=9))
    async with client(api) as checkout:
        assert len([each async for each in checkout.reports.payouts(**SEPTEMBER)]) == 1


async def test_payout_is_read() -> None:
    """Its amounts are minor units, and the account stays out of its repr."""
    async with client(ScriptedAPI(payouts(1, total=1))) as checkout:
        (found,) = [each async for each in checkout.reports.payouts(**SEPTEMBER)]
    assert (found.date, found.currency, found.amount, found.fees) == (date(2026, 9, 17), "NOK", 1168230, 24070)
    assert (found.transaction_tax_details[0].rate, found.fee_vat_percent) == (2500, 0)
    assert found.bank_account_iban == "NO9300000000000"
    assert "NO93" not in repr(found)


async def test_payout() -> None:
    """One payout tells how many actions it holds."""
    api = ScriptedAPI(actions(1, total=7))
    async with client(api) as checkout:
        found = await checkout.reports.payout("po1")
    assert api.calls == ["GET /report/v1/payouts/po1?pageNumber=0&pageSize=1"]
    assert (found.id, found.number_of_payment_actions) == ("po1", 7)


async def test_another_payout() -> None:
    """An answer that belongs to another request is not taken for this one."""
    async with client(ScriptedAPI(actions(1, total=7))) as checkout:
        with pytest.raises(UnexpectedResponse, match="not with what was asked for"):
            await checkout.reports.payout("po2")


async def test_payment_actions() -> None:
    """What a payout is made of, page by page."""
    api = ScriptedAPI(actions(1, 2, total=3), actions(3, total=3))
    async with client(api) as checkout:
        found = [each async for each in checkout.reports.payment_actions("po1", page_size=2)]
    assert [each.id for each in found] == ["c1", "c2", "c3"]
    assert (found[0].payment_action, found[0].amount, found[0].fee) == (PaymentAction.CHARGE, 37700, 730)
    assert found[0].timestamp == datetime(2026, 9, 14, 8, 23, 12, 904000, tzinfo=UTC)
    assert api.calls == [f"GET /report/v1/payouts/po1?pageNumber={number}&pageSize=2" for number in (0, 1)]


async def test_reports_for_the_clients_merchant() -> None:
    """The merchant of a copy of the client is in every address."""
    api = ScriptedAPI(answer(200, []), payouts(total=0), actions(total=0), actions(total=0))
    async with client(api) as checkout:
        reports = checkout.with_options(merchant_number="4711").reports
        await reports.balances()
        assert [each async for each in reports.payouts(**SEPTEMBER)] == []
        await reports.payout("po1")
        assert [each async for each in reports.payment_actions("po1")] == []
    assert [request.url.params["merchantNumber"] for request in api.requests] == ["4711"] * 4


Ask = Callable[[AsyncCheckout], Any]

BAD: dict[str, tuple[Ask, str]] = {
    "currency of balances": (lambda checkout: checkout.reports.balances(currencies=["eur"]), "currencies[0]"),
    "currency of payouts": (lambda checkout: checkout.reports.payouts(**SEPTEMBER, currency="n"), "currencies[0]"),
    "page size": (lambda checkout: checkout.reports.payouts(**SEPTEMBER, page_size=0), "page_size"),
    "page size of actions": (lambda checkout: checkout.reports.payment_actions("po1", page_size=-1), "page_size"),
    "empty id": (lambda checkout: checkout.reports.payout(""), "payout_id"),
    "empty id of actions": (lambda checkout: checkout.reports.payment_actions(""), "payout_id"),
    "dates": (
        lambda checkout: checkout.reports.payouts(from_date=date(2026, 9, 2), to_date=date(2026, 9, 1)),
        "from_date",
    ),
    "time for a date": (
        lambda checkout: checkout.reports.payouts(**SEPTEMBER | {"to_date": datetime(2026, 9, 30, tzinfo=UTC)}),
        "to_date",
    ),
    "time for a date of balances": (
        lambda checkout: checkout.reports.balances(from_date=datetime(2026, 9, 30, tzinfo=UTC)),
        "from_date",
    ),
}


@pytest.mark.parametrize(("ask", "path"), BAD.values(), ids=BAD)
async def test_senseless_questions_are_never_asked(ask: Ask, path: str) -> None:
    """What the API would refuse is refused here, with its place."""
    api = ScriptedAPI()
    async with client(api) as checkout:
        with pytest.raises(InvalidRequest) as caught:
            await ask(checkout)
    assert [fault.path for fault in caught.value.faults] == [path]
    assert not api.requests


async def test_payout_without_an_amount() -> None:
    """A page that lacks what it must have is refused, with its place."""
    broken = {"numberOfPayouts": 1, "payouts": [{**payout(), "amount": "twelve"}]}
    async with client(ScriptedAPI(answer(200, broken))) as checkout:
        with pytest.raises(UnexpectedResponse) as caught:
            _ = [each async for each in checkout.reports.payouts(**SEPTEMBER)]
    assert [fault.path for fault in caught.value.faults] == ["payouts[0].amount"]
