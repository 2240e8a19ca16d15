"""Payouts: what Nexi transfers to the merchant's bank account, and which charges and refunds it is made of."""

from __future__ import annotations

from datetime import date, datetime

import attrs

from nexi_async.reference.payment_methods import PaymentMethod, PaymentType
from nexi_async.reference.states import PaymentAction


@attrs.frozen(kw_only=True)
class TaxDetail:
    """One rate of VAT within an amount; the official page does not state the rate's unit."""

    rate: int | None = None
    amount: int | None = None


@attrs.frozen(kw_only=True)
class Payout:
    """A transfer to the merchant's bank account; amounts in minor units of its currency.

    Attributes:
        id: opaque text.
        date: the day of the transfer.
        currency: ISO 4217.
        amount: what is transferred.
        reference: the text on the bank statement.
        charged_amount: charges added up.
        refunded_amount: refunds added up; the official page does not state its sign.
        deposited_amount: deposits added up.
        fees: fees added up; sign not stated either.
        number_of_payment_actions: how many charges, refunds and deposits it holds; set by `reports.payout` only.
        bank_account_iban: the account; never in a repr.
        transaction_tax_details: VAT by rate.
    """

    id: str
    date: date
    currency: str
    amount: int
    reference: str | None = None
    charged_amount: int = 0
    refunded_amount: int = 0
    deposited_amount: int = 0
    fees: int = 0
    number_of_payment_actions: int | None = None
    bank_account_iban: str | None = attrs.field(default=None, repr=False)
    bank_account_bic: str | None = None
    number_of_charges: int | None = None
    number_of_refunds: int | None = None
    fee_vat_percent: int | None = attrs.field(default=None, metadata={"wire": "feeVATpercent"})
    fee_tax_rate: int | None = None
    fee_tax_amount: int | None = None
    transaction_tax_details: tuple[TaxDetail, ...] = ()


@attrs.frozen(kw_only=True)
class PayoutAction:
    """A charge, refund or deposit within a payout; amounts in minor units of its currency.

    Attributes:
        id: the charge, refund or deposit.
        payment_action: CHARGE, REFUND or DEPOSIT.
        amount: what moved.
        currency: ISO 4217.
        payment_id: the payment it belongs to.
        timestamp: when it moved.
        reference: the order's number.
        fee: the fee of Nexi: `flexible_fee` by percentage and `fixed_fee` per transaction.
    """

    id: str
    payment_action: PaymentAction
    amount: int
    currency: str
    payment_id: str | None = None
    timestamp: datetime | None = None
    payment_method: PaymentMethod | None = None
    payment_type: PaymentType | None = None
    reference: str | None = None
    invoice_number: str | None = None
    vat_amount: int | None = None
    fee: int | None = None
    flexible_fee: int | None = None
    fixed_fee: int | None = None
    fee_vat_percent: int | None = attrs.field(default=None, metadata={"wire": "feeVATpercent"})
    fee_tax_rate: int | None = None
    fee_tax_amount: int | None = None
    transaction_tax_details: tuple[TaxDetail, ...] = ()
    subscription_id: str | None = None


@attrs.frozen(kw_only=True)
class PayoutPage:
    """A part of the payouts of a period."""

    number_of_payouts: int
    payouts: tuple[Payout, ...] = ()


@attrs.frozen(kw_only=True)
class PayoutActionPage:
    """A part of one payout's actions."""

    number_of_payment_actions: int
    payment_actions: tuple[PayoutAction, ...] = ()
