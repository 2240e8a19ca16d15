"""Money invariants, over any sequence of operations on any payments."""

from contextlib import suppress
from typing import Any

from attrs import evolve
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from nexi_async.emulator import Clock, Refusal, Settings
from nexi_async.emulator._engine.context import APIRequest
from nexi_async.emulator._engine.endpoints import ENDPOINTS
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.responses import APIResponse
from tests.emulator.raw import START, hosted, item
from tests.emulator.stores import MemoryStore

BY_PATH = {(endpoint.method, endpoint.path): endpoint for endpoint in ENDPOINTS}
TOTAL = 10000
amounts = st.sampled_from([TOTAL, TOTAL + 1, TOTAL // 2, TOTAL // 2 + 1, TOTAL // 4, 1]) | st.integers(1, TOTAL)
rarely = st.sampled_from([False, False, False, True])
keys = st.none() | st.sampled_from(["k1", "k2", "k3"])
cards = st.sampled_from(["4268270087374847", "4925000000000079", "4925000000000061", "4925000000000087"])
methods = st.sampled_from(["MobilePay", "Swish", "Arvato", "PayPal"])


class Money(RuleBasedStateMachine):
    """A merchant and shoppers who do everything in any order, with and without keys."""

    payments = Bundle("payments")
    charges = Bundle("charges")
    refunds = Bundle("refunds")

    def __init__(self) -> None:
        super().__init__()
        self.used: set[tuple[str, str, str]] = set()
        self.engine = self.start(None)

    def start(self, store: MemoryStore | None) -> Engine:
        """An engine that goes on from the store, if there is one."""
        keys_never_expire = Settings(key_lifetime_hours=None)  # an expired key may be used for another amount
        clock = Clock(time_scale=0, start=START)
        return Engine(keys_never_expire, seed=1, clock=clock, store=store)

    def create(self, *, charge: bool = False) -> str:
        """Create a payment."""
        response = self.call("POST", "/v1/payments", body=hosted(TOTAL, checkout_charge=charge))
        return str(response.body["paymentId"])

    def call(self, method: str, path: str, place: str = "", body: Any = None, key: str | None = None) -> APIResponse:
        """Call the API; a key that was used before in this place has no effect any more."""
        effects = self.effects()
        response = self.engine.handle(BY_PATH[method, path], APIRequest(path={"id": place}, body=body, key=key))
        if key is not None:
            assert (path, place, key) not in self.used or self.effects() == effects
            self.used.add((path, place, key))
        return response

    def effects(self) -> tuple[int, int]:
        """How many charges and refunds there are."""
        state = self.engine.context().state
        return len(state.charges), len(state.refunds)

    @initialize(target=payments, card=cards)
    def begin(self, card: str) -> Any:
        """The shop has two payments, one by card and one by wallet, half of which is charged."""
        by_card, by_wallet = self.create(), self.create()
        self.pay(by_card, card)
        self.pay_otherwise(by_wallet, "MobilePay")
        body = {"amount": TOTAL // 2, "orderItems": [item(TOTAL // 2)]}
        self.first_charge = self.call("POST", "/v1/payments/{id}/charges", by_wallet, body).body["chargeId"]
        return multiple(by_card, by_wallet)

    @precondition(lambda self: len(self.engine.context().state.payments) < 4)
    @rule(target=payments, charge=st.booleans())
    def another(self, charge: bool) -> str:
        """Another payment is created, with or without auto-charge."""
        return self.create(charge=charge)

    @rule(payment=payments, card=cards)
    def pay(self, payment: str, card: str) -> None:
        """The shopper pays by card."""
        with suppress(Refusal):
            self.engine.pay(payment, card=card)

    @rule(payment=payments, method=methods)
    def pay_otherwise(self, payment: str, method: str) -> None:
        """The shopper pays with another method."""
        with suppress(Refusal):
            self.engine.pay(payment, method=method)

    @rule(target=charges, payment=payments, amount=amounts, final=rarely, key=keys)
    def charge(self, payment: str, amount: int, final: bool, key: str | None) -> Any:
        """The merchant charges."""
        body = {"amount": amount, "orderItems": [item(amount)], "finalCharge": final}
        response = self.call("POST", "/v1/payments/{id}/charges", payment, body, key)
        return response.body["chargeId"] if response.status == 201 else multiple()

    @rule(payment=payments, amount=amounts)
    def cancel(self, payment: str, amount: int) -> None:
        """The merchant cancels."""
        body = {"amount": amount, "orderItems": [item(amount)]}
        assert self.call("POST", "/v1/payments/{id}/cancels", payment, body).status in (204, 402)

    @rule(target=refunds, charge=charges, amount=amounts, key=keys)
    def refund_charge(self, charge: str, amount: int, key: str | None) -> Any:
        """The merchant refunds a charge."""
        body = {"amount": amount, "orderItems": [item(amount)]}
        response = self.call("POST", "/v1/charges/{id}/refunds", charge, body, key)
        return response.body["refundId"] if response.status == 201 else multiple()

    @rule(target=refunds, amount=amounts)
    def refund_first_charge(self, amount: int) -> Any:
        """The merchant refunds the charge that is always there."""
        return self.refund_charge(self.first_charge, amount, None)

    @rule(target=refunds, payment=payments, amount=amounts, key=keys)
    def refund_payment(self, payment: str, amount: int, key: str | None) -> Any:
        """The merchant refunds a payment."""
        body = {"amount": amount, "orderItems": [item(amount)]}
        response = self.call("POST", "/v1/payments/{id}/refunds", payment, body, key)
        return response.body["refundId"] if response.status == 201 else multiple()

    @rule(refund=refunds)
    def cancel_refund(self, refund: str) -> None:
        """The merchant cancels a refund, in time or too late."""
        assert self.call("POST", "/v1/pending-refunds/{id}/cancel", refund).status in (204, 402)

    @rule(payment=payments)
    def terminate(self, payment: str) -> None:
        """The merchant terminates."""
        assert self.call("PUT", "/v1/payments/{id}/terminate", payment).status in (204, 409)

    @rule(seconds=st.sampled_from([1, 3, 3, 3600, 86400, 31 * 86400]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.engine.advance(seconds)

    @rule(low=st.booleans())
    def balance(self, low: bool) -> None:
        """The merchant's balance changes."""
        self.engine.settings = evolve(self.engine.settings, low_balance=low)

    @invariant()
    def nothing_is_taken_twice(self) -> None:
        """Charged + cancelled <= reserved, refunded <= charged, in total, by payment and by charge."""
        for payment in self.engine.context().state.payments.values():
            reserved = payment.reserved or (payment.amount if payment.method and payment.method.direct else 0)
            assert payment.charged + payment.cancelled + payment.released <= reserved <= TOTAL
            assert payment.refunded <= payment.charged == sum(charge.amount for charge in payment.charges)
            assert payment.refunded == sum(refund.amount for refund in payment.refunds if refund.state == "Completed")
            for charge in payment.charges:
                assert 0 <= charge.taken_back <= charge.amount
                assert charge.taken_back == sum(
                    taken
                    for refund in payment.refunds
                    if refund.state in ("Pending", "Completed")
                    for part, taken in refund.parts
                    if part is charge
                )

    @invariant()
    def events_agree_with_the_state(self) -> None:
        """The amounts of the charge, cancel and refund events add up to the state's."""
        state = self.engine.context().state
        reported: dict[tuple[str, str], int] = {}
        for event in state.events:
            if event.name in ("payment.charge.created", "payment.cancel.created", "payment.refund.completed"):
                reported_key = (event.payment_id, event.name)
                reported[reported_key] = reported.get(reported_key, 0) + event.data["amount"]["amount"]
        for payment in state.payments.values():
            assert reported.get((payment.id, "payment.charge.created"), 0) == payment.charged
            assert reported.get((payment.id, "payment.cancel.created"), 0) == payment.cancelled
            assert reported.get((payment.id, "payment.refund.completed"), 0) == payment.refunded


class MoneyOverRestarts(Money):
    """The same with an emulator that is killed and started again at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.engine = self.start(self.store)

    @rule()
    def restart(self) -> None:
        """After a restart it says the same as before."""
        before = self.engine.state()
        self.engine = self.start(self.store)
        assert self.engine.state() == before


TestMoney = Money.TestCase
TestMoney.settings = settings(stateful_step_count=40)  # of profiles, see conftest.py
TestMoneyOverRestarts = MoneyOverRestarts.TestCase
TestMoneyOverRestarts.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=30)
