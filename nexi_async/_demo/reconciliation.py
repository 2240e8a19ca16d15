"""The verdict: what three witnesses say of each payment, and whether they say the same.

The SDK tells what its answers said, the webhooks what they announced, the emulator what is in its books. A payment that
a witness does not know is one that no money moved for, so that a charge which only one of them knows is found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Self

import attrs

__all__ = ["UNTOUCHED", "WITNESSES", "Line", "Standing", "Total", "Verdict", "compare", "state_of"]

WITNESSES = ("sdk", "webhooks", "books")
"""The three columns, as attributes of a `Line` are called."""


@attrs.frozen(kw_only=True)
class Standing:
    """Where one payment stands by one witness; amounts in minor units.

    Attributes:
        state: e.g. "charged"; "unpaid" as long as no money is reserved or charged.
        currency: ISO 4217; None if no money was ever touched.
        reserved: what is reserved still, neither charged nor released.
        charged: all charges added up; refunds do not lower it.
        refunded: all completed refunds added up.
        cancelled: all that was released.
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
        reserved: int,
        charged: int,
        refunded: int,
        cancelled: int,
        state: str | None = None,
    ) -> Self:
        """The standing after these sums of money.

        Args:
            currency: ISO 4217.
            reserved: what was reserved at first; 0 for a payment that was charged at once.
            charged: the sum of the charges.
            refunded: the sum of the completed refunds.
            cancelled: the sum of what was released.
            state: what the witness calls the state itself; worked out from the sums when left out.
        """
        own_state = state or state_of(reserved=reserved, charged=charged, refunded=refunded, cancelled=cancelled)
        is_touched = reserved or charged or refunded or cancelled
        return cls(
            state=own_state,
            currency=currency if is_touched else None,
            reserved=max(0, reserved - charged - cancelled),
            charged=charged,
            refunded=refunded,
            cancelled=cancelled,
        )

    @property
    def kept(self) -> int:
        """What the shop has of it in the end."""
        return self.charged - self.refunded


UNTOUCHED = Standing()
"""A payment that no money moved for."""


def state_of(*, reserved: int, charged: int, refunded: int, cancelled: int) -> str:
    """The state that sums of money mean, by the rules that official plugins share."""
    whole = reserved or charged
    if cancelled and cancelled == reserved:
        return "cancelled"
    if refunded:
        return "refunded" if refunded == whole else "partly refunded"
    if charged:
        return "charged" if charged == whole else "partly charged"
    return "reserved" if reserved else "unpaid"


@attrs.frozen(kw_only=True)
class Line:
    """One payment and what the three say of it."""

    payment_id: str
    label: str
    sdk: Standing
    webhooks: Standing
    books: Standing

    @property
    def agrees(self) -> bool:
        """Whether all three say the same."""
        return self.sdk == self.webhooks == self.books


@attrs.frozen
class Total:
    """How many payments of a currency are in a state, and what the shop keeps of them in minor units."""

    payments: int = 0
    kept: int = 0


@attrs.frozen
class Verdict:
    """All payments, in the order in which the shop made them."""

    lines: tuple[Line, ...]

    @property
    def agrees(self) -> bool:
        """Whether the three say the same of every payment."""
        return all(line.agrees for line in self.lines)

    @property
    def differences(self) -> tuple[Line, ...]:
        """The payments that they differ on."""
        return tuple(line for line in self.lines if not line.agrees)

    def totals(self) -> dict[tuple[str, str], dict[str, Total]]:
        """By currency and state, what each witness adds up to; payments that no money moved for are left out."""
        payments: Counter[tuple[tuple[str, str], str]] = Counter()
        kept: Counter[tuple[tuple[str, str], str]] = Counter()
        for line in self.lines:
            for witness, standing in _standings(line):
                if standing.currency is not None:
                    place = (standing.currency, standing.state), witness
                    payments[place] += 1
                    kept[place] += standing.kept
        return {
            group: {witness: Total(payments[group, witness], kept[group, witness]) for witness in WITNESSES}
            for group in sorted({group for group, _ in payments})
        }


def compare(
    *,
    sdk: Mapping[str, Standing],
    webhooks: Mapping[str, Standing],
    books: Mapping[str, Standing],
    labels: Mapping[str, str],
) -> Verdict:
    """Put the three side by side, by payment id.

    Args:
        sdk: what the SDK believes.
        webhooks: what the webhooks said.
        books: what the emulator's books say.
        labels: what the shop calls its payments, in the order in which they are to be listed; others come last.
    """
    ids = dict.fromkeys([*labels, *sdk, *webhooks, *books])
    return Verdict(
        tuple(
            Line(
                payment_id=payment_id,
                label=labels.get(payment_id, "not the shop's"),
                sdk=sdk.get(payment_id, UNTOUCHED),
                webhooks=webhooks.get(payment_id, UNTOUCHED),
                books=books.get(payment_id, UNTOUCHED),
            )
            for payment_id in ids
        )
    )


def _standings(line: Line) -> Iterator[tuple[str, Standing]]:
    for witness in WITNESSES:
        yield witness, getattr(line, witness)
