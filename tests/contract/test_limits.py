"""The limits of single members: whatever stands there, the SDK refuses it before sending if the emulator would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from nexi_async import _codec as codec
from nexi_async._models import rules
from nexi_async.emulator import Clock, Refusal, Settings
from nexi_async.emulator._engine import validation
from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.engine import Engine
from tests.contract.examples import Document
from tests.contract.requests import REQUESTS, Request

Path: TypeAlias = tuple[str | int, ...]

LENGTHS = (0, 1, 4, 5, 8, 12, 13, 20, 21, 36, 37, 63, 64, 65, 127, 128, 129, 255, 256, 257)
TEXTS: list[Any] = [*("x" * length for length in LENGTHS), *(f"a{bad}b" for bad in "<>'\"&\\ é茶")]
TEXTS += ["ABC", "abc", "12", "1" * 12, "a@b", "a@b.test", 5, True, ["x"], {"x": "x"}]
NUMBERS: list[Any] = [0, -1, 2**31 - 1, 2**31, -(2**31) - 1, 99_999, 100_000, 1.5, "5", True, []]
FLAGS: list[Any] = ["true", 1, []]

AS_DOCUMENTED = Settings(numbers_as_text=False, alphanumeric_authorization=True)
"""Without the leniences for other clients that the SDK has no use for."""

ONLY_THE_SDK_REFUSES = {
    "items[].quantity",  # more than 32 bits
    "orderItems[].quantity",
    "fee.quantity",
    "checkout.merchantTermsUrl",  # empty
    "phoneNumber.number",
    "riverty.orderReference",
    "payPal.orderReference",
    "merchantNumber",  # no digits
    "cardDetails.cardNumber",  # no digits: the emulator looks at the whole card later
    "cardDetails.network",  # no text: undocumented
    "interactionType",  # less than 0: undocumented
    "externalBulkChargeId",  # 64 characters: the overview says 63
    "externalBulkVerificationId",
}
ONLY_THE_EMULATOR_REFUSES = {
    "checkout.returnUrl",  # neither http nor https
    "checkout.cancelUrl",
    "consumer.email",  # a host without a dot
    "webHooks[].eventName",  # no event that is known today
    "paymentMethodsConfiguration[].name",  # no method or type that is known today
    "reference",  # special characters in an order number that is set later
    "subscriptions[].externalReference",  # 65 characters and more
}


def judged_by_sdk(request: Request, body: Document) -> bool:
    """Whether the SDK would send it."""
    try:
        return not rules.faults(codec.structure(body, request.model))
    except codec.Malformed:
        return False


def judged_by_emulator(context: Context, request: Request, body: Document) -> bool:
    """Whether the emulator would take it."""
    try:
        validation.read(request.table, body, context.settings)
    except Refusal:
        return False
    return True


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every single value of a document; of arrays the first entry."""
    entries: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value[:1]))
    else:
        yield path, value
    for name, inner in entries:
        yield from places(inner, (*path, name))


def others(value: Any) -> list[Any]:
    """What is put in the place of a value."""
    if isinstance(value, bool):
        return FLAGS
    return TEXTS if isinstance(value, str) else NUMBERS


def changed(body: Document, path: Path, value: Any) -> Document:
    """The body with another value in one place."""
    copy: Document = json.loads(json.dumps(body))
    inner: Any = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return copy


def name_of(path: Path) -> str:
    """The last two names of a path."""
    joined = "".join("[]" if isinstance(name, int) else f".{name}" for name in path)
    return ".".join(joined.split(".")[-2:]).lstrip(".")


def differences(request: Request) -> Iterator[tuple[str, bool]]:
    """Each place where the two judge differently, and whether it is the SDK that would send."""
    context = Engine(AS_DOCUMENTED, clock=Clock()).context()
    for body in request.examples():
        for path, value in places(body):
            for other in others(value):
                altered = changed(body, path, other)
                would_send = judged_by_sdk(request, altered)
                if would_send != judged_by_emulator(context, request, altered):
                    yield name_of(path), would_send


@pytest.fixture(scope="module")
def found() -> set[tuple[str, bool]]:
    """The differences of all requests."""
    return {difference for request in REQUESTS for difference in differences(request)}


@pytest.mark.slow
def test_what_only_the_sdk_refuses(found: set[tuple[str, bool]]) -> None:
    """The SDK refuses no more than the emulator, but for what no request can mean."""
    assert {place for place, would_send in found if not would_send} == ONLY_THE_SDK_REFUSES


@pytest.mark.slow
def test_what_only_the_emulator_refuses(found: set[tuple[str, bool]]) -> None:
    """The emulator refuses no more than the SDK, but for what the reference leaves open."""
    assert {place for place, would_send in found if would_send} == ONLY_THE_EMULATOR_REFUSES
