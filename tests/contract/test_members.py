"""The models of the SDK and the tables of the emulator beside the documents of the API, member by member."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from nexi_async._models.bulk import BulkChargePage, BulkReceipt, BulkVerificationPage
from nexi_async._models.card_payment import CardPaymentReceipt
from nexi_async._models.charge import Charge, ChargeReceipt
from nexi_async._models.create_payment import CreatedPayment
from nexi_async._models.payment import RetrievedPayment
from nexi_async._models.payment_method import ConfiguredPaymentMethod
from nexi_async._models.payout import Payout, PayoutActionPage, PayoutPage
from nexi_async._models.refund import Refund, RefundReceipt
from nexi_async._models.subscription import (
    ChargeStatus,
    Subscription,
    SubscriptionChargeReceipt,
    UnscheduledSubscription,
)
from nexi_async._wire_names import wire_name
from nexi_async.emulator._engine.fields import Array, Object
from tests.contract import shapes
from tests.contract.requests import REQUESTS, Model, Request
from tests.contract.shapes import Shape

ANSWERS: list[tuple[Shape, tuple[Model, ...]]] = [
    (shapes.CREATED_PAYMENT, (CreatedPayment,)),
    (shapes.RETRIEVED_PAYMENT, (RetrievedPayment,)),
    (shapes.CHARGE_RECEIPT, (ChargeReceipt,)),
    (shapes.RETRIEVED_CHARGE, (Charge,)),
    (shapes.REFUND_RECEIPT, (RefundReceipt,)),
    (shapes.RETRIEVED_REFUND, (Refund,)),
    (shapes.CARD_PAYMENT_RECEIPT, (CardPaymentReceipt,)),
    (shapes.CONFIGURED_METHOD, (ConfiguredPaymentMethod,)),
    (shapes.SUBSCRIPTION, (Subscription,)),
    (shapes.UNSCHEDULED_SUBSCRIPTION, (UnscheduledSubscription,)),
    (shapes.SUBSCRIPTION_CHARGE, (SubscriptionChargeReceipt,)),
    (shapes.CHARGE_STATUS, (ChargeStatus,)),
    (shapes.BULK_RECEIPT, (BulkReceipt,)),
    (shapes.charge_page("subscription"), (BulkChargePage,)),
    (shapes.verification_page("subscription"), (BulkVerificationPage,)),
    (shapes.PAYOUTS, (PayoutPage,)),
    (shapes.PAYOUT, (Payout, PayoutActionPage)),
]

LEFT_OUT = {"notifications.webHooks[].headers"}
"""Custom headers of webhooks: their form is not published."""

NEEDED_BY_THE_SDK = {
    "notifications.webHooks",
    "notifications.webHooks[].authorization",  # else a receiver cannot authenticate the sender
    "checkout.consumer.phoneNumber.prefix",  # the API takes both or none
    "checkout.consumer.phoneNumber.number",
    "paymentInfo.consumer.phoneNumber.prefix",
    "paymentInfo.consumer.phoneNumber.number",
    "paymentMethodsConfiguration[].name",  # the rest has no meaning without these
    "paymentMethods[].name",
    "paymentMethods[].fee",
    "additionalPaymentMethodData.riverty.orderReference",
    "additionalPaymentMethodData.payPal.orderReference",
    "shipping.costSpecified",
    "myReference",  # where it is all there is
    "amount",  # of an order that replaces another
    "items",
    "subscriptions",
}
"""Members that are optional in the reference and required by the SDK."""

ALL_OR_NONE = tuple(f"Address.{member}" for member in ("addressLine1", "postalCode", "city"))
"""Members of an address that clients leave out together, to preset the country alone; a rule requires them."""

NEEDED_BY_THE_EMULATOR = {
    "paymentMethodsConfiguration[].name",
    "paymentMethods[].name",
    "paymentInfo.consumer.privatePerson.firstName",  # "required when the object is present"
    "paymentInfo.consumer.privatePerson.lastName",
    "paymentInfo.consumer.company.name",
    "paymentInfo.consumer.company.contact.firstName",
    "paymentInfo.consumer.company.contact.lastName",
    "subscriptions",
}
"""What the reference calls optional and the emulator insists on."""


def members(hint: Any, path: str = "") -> Iterator[str]:
    """Every member of a model by its name on the wire; "?" marks those that may be missing."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        yield from members(next(part for part in typing.get_args(hint) if part is not types.NoneType), path)
    elif typing.get_origin(hint) is tuple:
        yield from members(typing.get_args(hint)[0], f"{path}[]")
    elif attrs.has(hint):
        hints = typing.get_type_hints(hint)
        for attribute in attrs.fields(hint):
            here = shapes.join(path, wire_name(attribute) or "")
            yield here if attribute.default is attrs.NOTHING else f"{here}?"
            yield from members(hints[attribute.name], here)


def members_of_table(kind: object, path: str = "") -> Iterator[str]:
    """The same of a table of the emulator."""
    if isinstance(kind, Array):
        yield from members_of_table(kind.kind, f"{path}[]")
    elif isinstance(kind, Object):
        for name, inner in kind.members.values():
            here = shapes.join(path, name)
            yield here if name in kind.required else f"{here}?"
            yield from members_of_table(inner, here)


def names(paths: Iterator[str]) -> set[str]:
    """All members, without the mark."""
    return {path.removesuffix("?") for path in paths}


def needed(paths: Iterator[str]) -> set[str]:
    """The members that must be there."""
    return {path for path in paths if not path.endswith("?")}


each_request = pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.operation)
each_answer = pytest.mark.parametrize(("shape", "models"), ANSWERS, ids=[a[1][0].__name__ for a in ANSWERS])


@each_request
def test_both_know_every_member(request_: Request) -> None:
    """The SDK can send, and the emulator reads, every documented member of a request and no other."""
    documented = names(shapes.paths(request_.shape))
    assert names(members(request_.model)) == documented - LEFT_OUT
    assert names(members_of_table(request_.table)) == documented


@each_request
def test_what_is_required_is_asked_for(request_: Request) -> None:
    """What the reference requires is required by the SDK and by the emulator, by a member or by a rule across them."""
    both = needed(members(request_.model)) & needed(members_of_table(request_.table))
    by_members = {path for path in needed(shapes.paths(request_.shape)) if not path.endswith(ALL_OR_NONE)}
    assert by_members <= both


def test_what_else_the_sdk_asks_for() -> None:
    """Beyond that the SDK requires what makes a request meaningful."""
    found = [needed(members(request.model)) - needed(shapes.paths(request.shape)) for request in REQUESTS]
    assert set().union(*found) == NEEDED_BY_THE_SDK


def test_what_else_the_emulator_asks_for() -> None:
    """Beyond that the emulator insists on what the text of the reference requires."""
    found = [needed(members_of_table(request.table)) - needed(shapes.paths(request.shape)) for request in REQUESTS]
    assert set().union(*found) == NEEDED_BY_THE_EMULATOR


@each_answer
def test_sdk_reads_everything(shape: Shape, models: tuple[Model, ...]) -> None:
    """The model of a response keeps every documented member."""
    assert names(shapes.paths(shape)) <= set().union(*(names(members(model)) for model in models))


@each_answer
def test_sdk_insists_on_nothing_else(shape: Shape, models: tuple[Model, ...]) -> None:
    """No response is refused for lack of a member that may be missing."""
    assert set().union(*(needed(members(model)) for model in models)) <= needed(shapes.paths(shape))
