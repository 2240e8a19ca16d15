"""Amounts for people to read."""

from __future__ import annotations

from decimal import Decimal

from nexi_async.reference import currencies

__all__ = ["as_text"]


def as_text(amount: int, currency: str) -> str:
    """Minor units as the currency writes them: 123456 SEK is "1 234.56 SEK"."""
    known = currencies.look_up(currency)
    exponent = known.exponent if known else 2
    return f"{Decimal(amount).scaleb(-exponent):,.{exponent}f} {currency}".replace(",", " ")
