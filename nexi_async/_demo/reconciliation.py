"""Reconciliation: each payment as the SDK, the webhooks and the emulator report it, and whether they agree.

The SDK reports what its responses said, the webhooks what their events said, the emulator what its state holds. A
payment that a source does not know counts as one without money, so that a charge known to one source only is a
difference.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Self

import attrs

SOURCES = ("SDK", "webhooks", "emulator")
"""The order of the balances of a `PaymentComparison`."""


@attrs.frozen(kw_only=True)
class PaymentBalance:
    """The money of one payment by one source; amounts in minor units.

    Attributes:
        state: e.g. "charged"; "unpaid" as long as no money is reserved or charged.
        currency: ISO 4217; None if no money was ever touched.
        reserved: what is still reserved, neither charged nor cancelled.
        charged: all charges added up; refunds do not lower it.
        refunded: all completed refunds added up.
        cancelled: all that was cancelled.
    """

    state: str = "unpaid"
    currency: str | None = None
    reserved: int = 0
    charged: int = 0
    refunded: int = 0
    cancelled: int = 0

    @classmethod
    def of(
        cls,
        currency: str | None,
        *,
        reserved: int = 0,
        charged: int = 0,
        refunded: int = 0,
        cancelled: int = 0,
        state: str | None = None,
    ) -> Self:
        """The balance by what was reserved at first and the sums; the state follows, if the source reports none."""
        return cls(
            state=state or _state_of(reserved, charged, refunded, cancelled),
            currency=currency if reserved or charged or refunded or cancelled else None,
            reserved=max(0, reserved - charged - cancelled),
            charged=charged,
            refunded=refunded,
            cancelled=cancelled,
        )

    @property
    def net(self) -> int:
        """What was charged less what was refunded."""
        return self.charged - self.refunded


UNTOUCHED = PaymentBalance()
"""A payment without money."""


def _state_of(reserved: int, charged: int, refunded: int, cancelled: int) -> str:
    """The state that follows from the sums, by the rules that the official plugins share."""
    whole = reserved or charged
    if cancelled and cancelled == reserved:
        return "cancelled"
    if refunded:
        return "refunded" if refunded == whole else "partly refunded"
    if charged:
        return "charged" if charged == whole else "partly charged"
    return "reserved" if reserved else "unpaid"


@attrs.frozen
class PaymentComparison:
    """One payment as the three sources report it."""

    payment_id: str
    label: str
    balances: tuple[PaymentBalance, ...]

    @property
    def agrees(self) -> bool:
        """Whether all three are equal."""
        return len(set(self.balances)) == 1


@attrs.frozen
class Total:
    """How many payments of a currency are in a state, and their net amount in minor units."""

    payments: int = 0
    net: int = 0


@attrs.frozen
class Reconciliation:
    """All payments, in the order in which the shop created them."""

    payments: tuple[PaymentComparison, ...]

    @property
    def agrees(self) -> bool:
        """Whether the three sources agree on every payment."""
        return not self.differences

    @property
    def differences(self) -> tuple[PaymentComparison, ...]:
        """The payments on which they differ."""
        return tuple(payment for payment in self.payments if not payment.agrees)

    def totals(self) -> dict[tuple[str, str], list[Total]]:
        """The total of each source by currency and state, without payments that have no money."""
        totals: defaultdict[tuple[str, str], list[Total]] = defaultdict(lambda: [Total()] * len(SOURCES))
        for payment in self.payments:
            for source, balance in enumerate(payment.balances):
                if balance.currency is not None:
                    group = totals[balance.currency, balance.state]
                    group[source] = Total(group[source].payments + 1, group[source].net + balance.net)
        return dict(sorted(totals.items()))


def reconcile(*sources: Mapping[str, PaymentBalance], labels: Mapping[str, str]) -> Reconciliation:
    """Compare the balances by each of `SOURCES`; payments with labels come first, in the order of these."""
    payment_ids = dict.fromkeys([*labels, *(payment_id for source in sources for payment_id in source)])
    return Reconciliation(
        tuple(
            PaymentComparison(
                payment_id,
                labels.get(payment_id, "unknown order"),
                tuple(source.get(payment_id, UNTOUCHED) for source in sources),
            )
            for payment_id in payment_ids
        )
    )
