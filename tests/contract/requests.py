"""Every request with a body, three times: as documented, as a model of the SDK, as the emulator reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import attrs

from nexi_async._models.bulk import ChargeBulk, VerifyBulk
from nexi_async._models.card_payment import CardPaymentRequest
from nexi_async._models.changes import CancelPayment, UpdateMyReference, UpdateOrder, UpdateReference
from nexi_async._models.charge import ChargePayment
from nexi_async._models.create_payment import CreatePayment
from nexi_async._models.refund import RefundRequest
from nexi_async._models.subscription import ChargeSubscription
from nexi_async.emulator._engine import validation
from nexi_async.emulator._engine.fields import Object
from nexi_async.emulator._engine.state import KINDS
from tests.contract import shapes
from tests.contract.catalogue import CATALOGUE, VARIANTS
from tests.contract.examples import Document
from tests.contract.shapes import Shape

Model: TypeAlias = type[attrs.AttrsInstance]

_SCHEDULED = KINDS["scheduled"]


@attrs.frozen
class Request:
    """One request; unscheduled subscriptions and refunds of payments have the same with other names."""

    operation: str
    shape: Shape
    model: Model
    table: Object

    def examples(self) -> Iterator[Document]:
        """The bodies of the catalogue."""
        for row in [*CATALOGUE, *VARIANTS]:
            if self.operation in row.through and row.body is not None:
                yield row.body


REQUESTS = [
    Request("payments.create", shapes.CREATE_PAYMENT, CreatePayment, validation.CREATE_PAYMENT),
    Request("payments.update_reference", shapes.UPDATE_REFERENCE, UpdateReference, validation.REFERENCE_INFORMATION),
    Request("payments.update_my_reference", shapes.UPDATE_MY_REFERENCE, UpdateMyReference, validation.MY_REFERENCE),
    Request("payments.update_order", shapes.UPDATE_ORDER, UpdateOrder, validation.ORDER_UPDATE),
    Request("payments.cancel", shapes.CANCEL, CancelPayment, validation.CANCEL),
    Request("payments.charge", shapes.CHARGE, ChargePayment, validation.CHARGE),
    Request("charges.refund", shapes.REFUND, RefundRequest, validation.REFUND),
    Request("subscriptions.charge", shapes.CHARGE_SUBSCRIPTION, ChargeSubscription, validation.AGREEMENT_CHARGE),
    Request("subscriptions.charge_bulk", shapes.CHARGE_BULK, ChargeBulk, validation.bulk_charge(_SCHEDULED)),
    Request("subscriptions.verify_bulk", shapes.VERIFY_BULK, VerifyBulk, validation.bulk_verification(_SCHEDULED)),
    Request("card_payments.create", shapes.CARD_PAYMENT, CardPaymentRequest, validation.CARD_PAYMENT),
]
