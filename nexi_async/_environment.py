"""The two places where Nexi Checkout runs, and everything whose address differs between them."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address
from typing import Literal

import attrs

from nexi_async._errors import InvalidRequest

EnvironmentName = Literal["test", "live"]


@attrs.frozen(kw_only=True)
class Environment:
    """One environment of Nexi Checkout; keys and ids of one mean nothing in the other."""

    name: EnvironmentName
    base_url: str
    """Where the Payment and Reporting APIs live."""
    checkout_js: str
    """The script that an embedded checkout page loads."""
    webhook_networks: tuple[IPv4Network, ...]
    """Where webhooks come from; known from two independent copies of the official list."""


TEST = Environment(
    name="test",
    base_url="https://test.api.dibspayment.eu",
    checkout_js="https://test.checkout.dibspayment.eu/v1/checkout.js?v=1",
    webhook_networks=(IPv4Network("20.31.57.60/30"),),
)
LIVE = Environment(
    name="live",
    base_url="https://api.dibspayment.eu",
    checkout_js="https://checkout.dibspayment.eu/v1/checkout.js?v=1",
    webhook_networks=(IPv4Network("20.103.218.104/30"),),
)


def find(name: str) -> Environment:
    """The environment of that name; `InvalidRequest` for any other."""
    for environment in (TEST, LIVE):
        if environment.name == name:
            return environment
    raise InvalidRequest([("environment", f"{name!r} is not an environment: use 'test' or 'live'")])


def is_this_machine(host: str) -> bool:
    """Whether a host name or address never leaves this machine, so that plain http to it is safe."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
