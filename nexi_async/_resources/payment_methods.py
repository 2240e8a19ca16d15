"""Payment methods: what the merchant has set up."""

from __future__ import annotations

import attrs

from nexi_async._models import rules
from nexi_async._models.payment_method import ConfiguredPaymentMethod
from nexi_async._models.rules import Currency, MerchantNumber
from nexi_async._transport.request import Request
from nexi_async._transport.session import Session


@attrs.frozen(kw_only=True)
class _Filter:
    """What to list, spelled as the official page does."""

    merchant_number: MerchantNumber | None = attrs.field(metadata={"wire": "MerchantNumber"})
    currency: Currency | None = attrs.field(metadata={"wire": "Currency"})
    enabled: bool | None = attrs.field(metadata={"wire": "Enabled"})

    def query(self) -> tuple[tuple[str, str], ...]:
        enabled = None if self.enabled is None else str(self.enabled).lower()
        found = (("MerchantNumber", self.merchant_number), ("Currency", self.currency), ("Enabled", enabled))
        return tuple((name, value) for name, value in found if value is not None)


@attrs.frozen
class PaymentMethods:
    """`checkout.payment_methods`."""

    _session: Session = attrs.field(repr=False)

    async def list(
        self, *, currency: str | None = None, enabled: bool | None = None, merchant_number: str | None = None
    ) -> tuple[ConfiguredPaymentMethod, ...]:
        """List the payment methods that the merchant has set up; repeated on failure.

        Args:
            currency: only those of this currency, ISO 4217 in capitals.
            enabled: only those that are on, or off.
            merchant_number: for partners, the merchant to ask for; the client's own when left out.

        Official reference: GET /v1/paymentmethods
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1/#v1-paymentmethods-get
        """
        wanted = _Filter(
            merchant_number=merchant_number or self._session.merchant_number, currency=currency, enabled=enabled
        )
        rules.check(wanted)
        request = Request(
            operation="payment_methods.list", method="GET", path="/v1/paymentmethods", query=wanted.query()
        )
        return await self._session.fetch(request, tuple[ConfiguredPaymentMethod, ...])
