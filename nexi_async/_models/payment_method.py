"""The payment methods that a merchant has set up."""

from __future__ import annotations

import attrs

from nexi_async.reference.payment_methods import PaymentMethod, PaymentType


@attrs.frozen(kw_only=True)
class ConfiguredPaymentMethod:
    """One method in one currency, and whether shoppers are offered it."""

    enabled: bool
    name: PaymentMethod | None = None
    payment_type: PaymentType | None = None
    currency: str | None = None
