"""The probes: each asks the API for one thing that the emulator assumes, and says what the setting would have to be.

A probe returns the value of its setting as observed, or None if the answer tells nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

from tests.live.api import UNKNOWN_ID, Answer, Api, Document, line, order

Probe = Callable[[Api], Awaitable[Any]]

_ADDRESS: Document = {"addressLine1": "Gatan 1", "postalCode": "11122", "city": "Stockholm", "country": "SWE"}
_DUBAI: Document = {"addressLine1": "1 Bay", "addressLine2": "", "postalCode": "", "city": "Dubai", "country": "ARE"}


def _is_taken(answer: Answer, taken: int = 201) -> bool | None:
    """Whether a request was taken; None if it was neither taken nor refused for its content."""
    return {taken: True, 400: False}.get(answer.status)


async def _numbers_as_text(api: Api) -> bool | None:
    return _is_taken(await api.create(order=order(line(quantity="1"))))


async def _with_address(api: Api, address: Document) -> bool | None:
    return _is_taken(await api.create(checkout={"consumer": {"email": "a@example.com", "shippingAddress": address}}))


async def _empty_address_members(api: Api) -> bool | None:
    return await _with_address(api, _DUBAI)


async def _partial_addresses(api: Api) -> bool | None:
    return await _with_address(api, {"country": "SWE"})


async def _alphanumeric_authorization(api: Api) -> bool | None:
    hook = {"eventName": "payment.created", "url": "https://shop.example.com/h", "authorization": "6f8b9c1e-2d3f-4a5b"}
    taken = _is_taken(await api.create(notifications={"webHooks": [hook]}))
    return None if taken is None else not taken


async def _swish_type(api: Api) -> str | None:
    """A type and a method of that type must not be combined, so the one that is refused is its type."""
    taken = _is_taken(await api.create(paymentMethodsConfiguration=[{"name": "A2A"}, {"name": "Swish"}]))
    return None if taken is None else "WALLET" if taken else "A2A"


async def _show_expiry_on_create(api: Api) -> bool:
    return "expiresAt" in (await api.shared()).body


async def _create_error_paths(api: Api) -> str | None:
    answer = await api.create(order=order(amount=9999))
    paths = answer.body.get("errors", answer.body)
    return next((style for path, style in (("order.amount", "full"), ("amount", "short")) if path in paths), None)


async def _show_empty_lists(api: Api) -> bool:
    return "charges" in (await api.call("GET", await api.shared_path())).body["payment"]


async def _malformed_id_status(api: Api) -> int:
    return (await api.call("GET", "/v1/payments/probe")).status


async def _undocumented_402_as(api: Api) -> int:
    return (await api.call("POST", f"{await api.shared_path()}/cancels", {"amount": 10000})).status


async def _checkout_domain_locked(api: Api) -> bool | None:
    body = {"checkoutUrl": "https://other.example.org/pay", "reference": "probe"}
    taken = _is_taken(await api.call("PUT", f"{await api.shared_path()}/referenceinformation", body), 204)
    return None if taken is None else not taken


async def _empty_external_reference(api: Api) -> bool | None:
    """An unknown subscription: the run, if it is taken, fails and charges nobody."""
    entries = [{"subscriptionId": UNKNOWN_ID, "externalReference": ""}]
    answer = await api.call("POST", "/v1/subscriptions/verifications", {"subscriptions": entries})
    return _is_taken(answer, 202)


async def _bulk_items_have_ids(api: Api) -> bool | None:
    entries = [{"externalReference": "probe-of-nobody"}]
    answer = await api.call("POST", "/v1/subscriptions/verifications", {"subscriptions": entries})
    if answer.status != 202:
        return None
    page = (await api.call("GET", f"/v1/subscriptions/verifications/{answer.body['bulkId']}")).body.get("page")
    return "subscriptionId" in page[0] if page else None


async def _terminate_again_allowed(api: Api) -> bool | None:
    """The last of those that share a payment, for it ends it."""
    path = f"{await api.shared_path()}/terminate"
    await api.call("PUT", path)
    return {204: True, 409: False, 400: False}.get((await api.call("PUT", path)).status)


PROBES: Mapping[str, Probe] = MappingProxyType(
    {
        "show_expiry_on_create": _show_expiry_on_create,
        "numbers_as_text": _numbers_as_text,
        "empty_address_members": _empty_address_members,
        "partial_addresses": _partial_addresses,
        "alphanumeric_authorization": _alphanumeric_authorization,
        "swish_type": _swish_type,
        "create_error_paths": _create_error_paths,
        "malformed_id_status": _malformed_id_status,
        "show_empty_lists": _show_empty_lists,
        "undocumented_402_as": _undocumented_402_as,
        "checkout_domain_locked": _checkout_domain_locked,
        "empty_external_reference": _empty_external_reference,
        "bulk_items_have_ids": _bulk_items_have_ids,
        "terminate_again_allowed": _terminate_again_allowed,
    }
)
"""One probe for each setting that can be observed without a shopper, in the order in which they are asked."""
