"""The shopper's side, from Python: cards, methods, magic amounts, fees, shipping."""

import pytest

from nexi_async.emulator import CheckoutEmulator, Refusal, ShopperOutcome
from tests.emulator.raw import Wire, item, order


async def test_outcomes(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Each action returns its outcome and where the shopper is redirected."""
    payment_id = await wire.create()
    assert emulator.cancel(payment_id) == ShopperOutcome("cancelled", redirect="https://shop.test/no")
    assert emulator.decline(payment_id, code="51") == ShopperOutcome("declined", code="51")
    redirect = f"https://shop.test/ok?paymentid={payment_id}"
    assert emulator.pay(payment_id) == ShopperOutcome("completed", redirect=redirect)


async def test_closed_payments_refuse(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A paid payment refuses everything with 409, an unknown one with 404."""
    payment_id = await wire.reserved()
    for act in (emulator.pay, emulator.decline, emulator.cancel):
        with pytest.raises(Refusal) as caught:
            act(payment_id)
        assert caught.value.response.status == 409
    with pytest.raises(Refusal) as caught:
        emulator.pay("0" * 32)
    assert caught.value.response.status == 404


@pytest.mark.parametrize(("amount", "code"), [(133, "33"), (51, "51"), (105, "05")])
async def test_magic_amounts_decline(wire: Wire, emulator: CheckoutEmulator, amount: int, code: str) -> None:
    """Orders of 0.XX and 1.XX are declined with code XX."""
    assert emulator.pay(await wire.create(amount)).code == code


@pytest.mark.parametrize("amount", [100, 200, 299, 400])
async def test_other_small_amounts_work(wire: Wire, emulator: CheckoutEmulator, amount: int) -> None:
    """1.00, 2.XX and 4.00 have no meaning."""
    assert emulator.pay(await wire.create(amount)) == ShopperOutcome("completed", redirect=emulator_redirect(emulator))


def emulator_redirect(emulator: CheckoutEmulator) -> str:
    """Where the shopper of the only payment goes."""
    (payment,) = emulator.state()["payments"]
    return f"https://shop.test/ok?paymentid={payment['paymentId']}"


async def test_slow_amount(wire: Wire, emulator: CheckoutEmulator) -> None:
    """An order of 3.10 takes ten seconds."""
    assert emulator.pay(await wire.create(310)).delay == 10


async def test_expired_card_is_declined(wire: Wire, emulator: CheckoutEmulator) -> None:
    """A card whose month is over when the shopper pays is declined with 54."""
    emulator.advance(5 * 366 * 86400)
    assert emulator.pay(await wire.create()).code == "54"


@pytest.mark.parametrize(
    ("card", "brand"),
    [
        ("4268270087374847", "Visa"),
        ("5213199803453465", "MasterCard"),
        ("376206000000009", "AmericanExpress"),
    ],
)
async def test_brands(wire: Wire, emulator: CheckoutEmulator, card: str, brand: str) -> None:
    """The payment method follows from the card number."""
    payment_id = await wire.create()
    emulator.pay(payment_id, card=card)
    assert (await wire.payment(payment_id))["paymentDetails"]["paymentMethod"] == brand


@pytest.mark.parametrize("card", ["", "4268", "4268270087374848", "x" * 16])
async def test_numbers_that_are_no_cards(wire: Wire, emulator: CheckoutEmulator, card: str) -> None:
    """A number with a wrong length or check digit is refused without an effect."""
    payment_id = await wire.create()
    with pytest.raises(ValueError, match="card number is not valid"):
        emulator.pay(payment_id, card=card)
    assert emulator.state()["events"] == []


async def test_klarna_needs_a_country(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Klarna is offered only where the checkout names its country."""
    with pytest.raises(Refusal):
        emulator.pay(await wire.create(), method="Klarna")
    assert emulator.pay(await wire.create(checkout_countryCode="SWE"), method="klarna").result == "completed"


async def test_default_card_fits_the_whitelist(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Without a chosen method the shopper takes the first method that is offered, with a card of its brand."""
    payment_id = await wire.create(paymentMethodsConfiguration=[{"name": "MasterCard"}])
    emulator.pay(payment_id)
    details = (await wire.payment(payment_id))["paymentDetails"]
    assert (details["paymentMethod"], details["cardDetails"]["maskedPan"]) == ("MasterCard", "521319******3465")


async def test_invoice_fee_comes_on_top(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Choosing the invoice adds its fee to the order."""
    fee = {"name": "easy-invoice", "fee": item(2500, name="Fee")}
    payment_id = await wire.create(paymentMethods=[fee])
    emulator.pay(payment_id, method="EasyInvoice")
    payment = await wire.payment(payment_id)
    assert payment["summary"] == {"reservedAmount": 15000}
    assert payment["orderDetails"]["amount"] == 15000


async def test_shipping_cost_must_be_specified(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Where the merchant handles shipping cost, paying is refused with 1021 until it is specified."""
    payment_id = await wire.create(checkout_shipping={"merchantHandlesShippingCost": True})
    with pytest.raises(Refusal) as caught:
        emulator.pay(payment_id)
    assert caught.value.response.body["code"] == "1021"
    update = {"amount": 12500, "items": order()["items"], "shipping": {"costSpecified": True}}
    assert (await wire.put(f"/v1/payments/{payment_id}/orderitems", update)).status_code == 204
    assert emulator.pay(payment_id).result == "completed"


async def test_subscriptions_need_a_card(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Signing up works with cards only."""
    payment_id = await wire.create(0, subscription={"interval": 0})
    with pytest.raises(Refusal):
        emulator.pay(payment_id, method="Swish")
    assert emulator.pay(payment_id).result == "completed"


async def test_failing_auto_charge_leaves_a_reservation(wire: Wire) -> None:
    """If the automatic charge is refused, the reservation stays."""
    payment_id = await wire.reserved(checkout_charge=True, pay={"card": "4925000000000079"})
    assert await wire.summary(payment_id) == {"reservedAmount": 12500}


def test_seeded_ids_repeat() -> None:
    """The same seed gives the same ids."""
    assert CheckoutEmulator(seed=7).sign_up(3) == CheckoutEmulator(seed=7).sign_up(3)
    assert CheckoutEmulator(seed=7).sign_up(1) != CheckoutEmulator(seed=8).sign_up(1)
    assert CheckoutEmulator().sign_up(1) != CheckoutEmulator().sign_up(1)
