"""Server-to-server card payments, for merchants that are certified to handle card numbers (PCI DSS)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import attrs

from nexi_async._models.consumer import Consumer
from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order, zero_faults
from nexi_async._models.rules import MerchantNumber, MyReference, NotNegative, PlainText, matching


@attrs.frozen(kw_only=True, repr=False)
class CardToCharge:
    """A card; no part of it appears in a repr, a log line or an error.

    Attributes:
        card_number: 12 to 19 digits.
        expiry_month: two digits, 01 to 12.
        expiry_year: the last two digits.
        cvc: three digits.
        card_holder_name: as on the card.
        network: undocumented; sent as it is.
    """

    card_number: Annotated[str, matching(r"[0-9]{12,19}", "12 to 19 digits")]
    expiry_month: Annotated[str, matching(r"0[1-9]|1[0-2]", "two digits from 01 to 12")]
    expiry_year: Annotated[str, matching(r"[0-9]{2}", "two digits")]
    cvc: Annotated[str, matching(r"[0-9]{3}", "three digits")]
    card_holder_name: PlainText | None = None
    network: PlainText | None = None


@attrs.frozen(kw_only=True)
class PaymentInfo:
    """The shopper, and whether to charge at once.

    Attributes:
        consumer: the shopper; a person or company in it needs its names.
        charge: True charges right after the reservation.
    """

    consumer: Consumer | None = attrs.field(default=None, repr=False)
    charge: bool | None = None

    def _own_faults(self) -> Iterator[tuple[str, str]]:
        person = self.consumer and self.consumer.private_person
        if person and not (person.first_name and person.last_name):
            yield "consumer.privatePerson", "needs firstName and lastName"
        company = self.consumer and self.consumer.company
        if company and not company.name:
            yield "consumer.company", "needs name"


@attrs.frozen(kw_only=True)
class CardPaymentRequest:
    """The body of `POST /v1/cardpayments`; see `card_payments.create`."""

    order: Order
    payment_info: PaymentInfo
    card_details: CardToCharge = attrs.field(repr=False)
    interaction_type: NotNegative | None = None
    notifications: Notifications | None = None
    my_reference: MyReference | None = None
    merchant_number: MerchantNumber | None = None

    def _own_faults(self) -> Sequence[tuple[str, str]]:
        return zero_faults(self.order)


@attrs.frozen(kw_only=True)
class CardPaymentReceipt:
    """A card payment that succeeded.

    Attributes:
        payment_id: opaque text.
        idempotency_key: the key it was made with; the same key never pays again.
    """

    payment_id: str
    idempotency_key: str = ""  # a member of the response, unlike that of charges and refunds
