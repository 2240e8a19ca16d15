"""The Reporting API over the wire."""

import pytest

from nexi_async.emulator import CheckoutEmulator
from tests.emulator.raw import Wire, item

DAY = 86400
PERIOD = "fromDate=2027-01-01&toDate=2027-02-01"


async def test_payout_of_a_charge_and_a_refund(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Three days later charges and refunds of a day are paid out together, less the fees."""
    payment_id, charge_id = await wire.charged(myReference="m")
    body = {"amount": 5000, "orderItems": [item(5000)]}
    refund_id = (await wire.post(f"/v1/charges/{charge_id}/refunds", body)).json()["refundId"]
    emulator.advance(3)
    assert (await wire.get(f"/report/v1/payouts?{PERIOD}")).json() == {"numberOfPayouts": 0, "payouts": []}
    emulator.advance(3 * DAY)
    response = (await wire.get(f"/report/v1/payouts?{PERIOD}")).json()
    assert response["numberOfPayouts"] == 1
    (payout,) = response["payouts"]
    fees = 12500 * 140 // 10000 + 200 + 100
    assert payout["date"] == "2027-01-18"
    assert (payout["chargedAmount"], payout["refundedAmount"], payout["fees"]) == (12500, 5000, fees)
    assert payout["amount"] == 12500 - 5000 - fees
    assert payout["transactionTaxDetails"] == [{"rate": 2500, "amount": 2500}]
    one = (await wire.get(f"/report/v1/payouts/{payout['id']}")).json()
    assert one["numberOfPaymentActions"] == 2
    charge, refund = one["paymentActions"]
    assert (charge["id"], charge["paymentId"], charge["paymentAction"]) == (charge_id, payment_id, "CHARGE")
    assert charge["timestamp"] == "2027-01-15T08:00:00.000Z"
    assert (refund["id"], refund["paymentAction"], refund["vatAmount"]) == (refund_id, "REFUND", 1000)


async def test_payouts_are_paged_from_zero(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The total counts all payouts, the page only some; pages start at 0."""
    for _ in range(3):
        await wire.charged()
        emulator.advance(DAY)
    emulator.advance(3 * DAY)
    pages = []
    for number in range(3):
        response = (await wire.get(f"/report/v1/payouts?{PERIOD}&pageNumber={number}&pageSize=2")).json()
        assert response["numberOfPayouts"] == 3
        pages.append([payout["date"] for payout in response["payouts"]])
    assert pages == [["2027-01-18", "2027-01-19"], ["2027-01-20"], []]


async def test_actions_are_paged(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A payout's actions come in pages too."""
    for _ in range(3):
        await wire.charged()
    emulator.advance(3 * DAY)
    (payout,) = (await wire.get(f"/report/v1/payouts?{PERIOD}")).json()["payouts"]
    one = (await wire.get(f"/report/v1/payouts/{payout['id']}?pageNumber=1&pageSize=2")).json()
    assert (one["numberOfPaymentActions"], len(one["paymentActions"])) == (3, 1)


async def test_currencies_are_paid_out_apart(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Each currency has its own payout, and the filter finds it."""
    for currency in ("SEK", "EUR"):
        order = {"items": [item()], "amount": 12500, "currency": currency}
        await wire.charged(order=order)
    emulator.advance(3 * DAY)
    assert (await wire.get(f"/report/v1/payouts?{PERIOD}")).json()["numberOfPayouts"] == 2
    (payout,) = (await wire.get(f"/report/v1/payouts?{PERIOD}&currency=EUR")).json()["payouts"]
    assert payout["currency"] == "EUR"


async def test_a_deposit_makes_up_for_a_negative_payout(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Where refunds exceed charges the merchant's deposit brings the payout to zero."""
    _, charge_id = await wire.charged()
    emulator.advance(DAY)
    await wire.post(f"/v1/charges/{charge_id}/refunds", {"amount": 12500})
    emulator.advance(5 * DAY)
    payout = (await wire.get(f"/report/v1/payouts?{PERIOD}")).json()["payouts"][1]
    assert (payout["amount"], payout["depositedAmount"]) == (0, 12600)
    one = (await wire.get(f"/report/v1/payouts/{payout['id']}")).json()
    assert [action["paymentAction"] for action in one["paymentActions"]] == ["REFUND", "DEPOSIT"]


async def test_balances_show_what_is_not_paid_out(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The balance of a currency is what was taken less fees, until it is paid out."""
    await wire.charged()
    net = 12500 - 175 - 200
    assert (await wire.get("/report/v1/balances")).json() == {"balances": [{"currency": "SEK", "amount": net}]}
    assert (await wire.get("/report/v1/balances?currencies=EUR&currencies=DKK")).json() == {"balances": []}
    emulator.advance(3 * DAY)
    assert (await wire.get("/report/v1/balances?currencies=SEK,EUR")).json() == {"balances": []}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("toDate=2027-01-01", "fromDate"),
        ("fromDate=2027-01-01", "toDate"),
        ("fromDate=2027-02-30&toDate=2027-03-01", "fromDate"),
        ("fromDate=20270101&toDate=2027-03-01", "fromDate"),
        ("fromDate=2027-02-01&toDate=2027-01-01", "toDate"),
        (f"{PERIOD}&pageSize=0", "pageSize"),
    ],
)
async def test_bad_queries_are_400(wire: Wire, query: str, name: str) -> None:
    """Missing and impossible dates and pages are errors under their names."""
    response = await wire.get(f"/report/v1/payouts?{query}")
    assert response.status_code == 400
    assert name in response.json()["errors"]


async def test_unknown_payout_is_404_and_a_malformed_id_400(wire: Wire) -> None:
    """Ids are checked before they are looked up."""
    assert (await wire.get(f"/report/v1/payouts/{'0' * 32}")).status_code == 404
    assert (await wire.get("/report/v1/payouts/next")).status_code == 400


async def test_reports_need_the_key(wire: Wire) -> None:
    """The Reporting API takes the same key."""
    assert (await wire.get("/report/v1/balances", Authorization="x")).status_code == 401
