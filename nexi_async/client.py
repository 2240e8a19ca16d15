"""`AsyncCheckout`: settings in, resource groups out."""

from __future__ import annotations

import os
import ssl
import sys
from importlib.metadata import version
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from nexi_async import environment as environments
from nexi_async.environment import Environment, EnvironmentName, is_this_machine
from nexi_async.errors import InvalidRequest
from nexi_async.models.subscription import Subscription, UnscheduledSubscription
from nexi_async.resources.charges import Charges
from nexi_async.resources.payments import Payments
from nexi_async.resources.refunds import Refunds
from nexi_async.resources.subscriptions import SCHEDULED, UNSCHEDULED, Subscriptions
from nexi_async.transport.lifetime import Lifetime
from nexi_async.transport.network import Transport, new_network
from nexi_async.transport.retry import RetryPolicy
from nexi_async.transport.session import Session

__all__ = ["AsyncCheckout"]


class AsyncCheckout:
    """The client of the Nexi Checkout API; use it as `async with AsyncCheckout(...) as checkout:`.

    One client serves any number of tasks of one event loop through one pool of connections.

    Attributes:
        payments: create, retrieve, change, charge, refund, cancel.
        charges: retrieve and refund single charges.
        refunds: retrieve refunds, cancel pending ones.
        subscriptions: charges on a schedule.
        unscheduled_subscriptions: charges at any time.
    """

    def __init__(
        self,
        secret_key: str | None = None,
        *,
        environment: EnvironmentName | None = None,
        base_url: str | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        max_connections: int = 100,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        transport: Transport | None = None,
        platform_tag: str | None = None,
    ) -> None:
        """Check the settings; nothing is sent and no connection is made.

        Args:
            secret_key: the secret API key of the environment, as the portal shows it; `NEXI_SECRET_KEY` when left out.
            environment: "test" or "live"; `NEXI_ENVIRONMENT`, else "test", when left out.
            base_url: another address, e.g. the emulator's; `NEXI_BASE_URL`, else the environment's, when left out.
            timeout: seconds that one attempt may take, connection and answer together.
            retry: how often and how long a call is tried; see `RetryPolicy`.
            max_connections: how many connections are open at most.
            ssl_context: used as it is; by default TLS 1.2 or newer with the trust store of certifi.
            proxy: the address of an HTTP proxy.
            transport: what sends the requests instead, e.g. `httpx.ASGITransport`; closed together with the client.
            platform_tag: names the shop platform to Nexi, e.g. "Acme 2.1".

        Raises:
            InvalidRequest: a setting is missing or can't be right; the key itself is never repeated.
        """
        self._environment = environments.find(environment or os.environ.get("NEXI_ENVIRONMENT") or "test")
        _check_limits(timeout, max_connections)
        self._lifetime = Lifetime(
            transport or new_network(max_connections=max_connections, ssl_context=ssl_context, proxy=proxy)
        )
        self._session = Session(
            lifetime=self._lifetime,
            base_url=_base_url(base_url or os.environ.get("NEXI_BASE_URL"), self._environment),
            headers=_headers(_secret_key(secret_key), platform_tag),
            timeout=timeout,
            retry=retry or RetryPolicy(),
        )
        self._build_groups()

    def _build_groups(self) -> None:
        session = self._session
        self.payments = Payments(session)
        self.charges = Charges(session)
        self.refunds = Refunds(session)
        self.subscriptions: Subscriptions[Subscription] = Subscriptions(session, SCHEDULED)
        self.unscheduled_subscriptions: Subscriptions[UnscheduledSubscription] = Subscriptions(session, UNSCHEDULED)

    async def __aenter__(self) -> Self:
        await self._lifetime.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lifetime.close()

    def __repr__(self) -> str:
        return f"AsyncCheckout(environment={self._environment.name!r}, base_url={self._session.base_url!r})"


def _check_limits(timeout: float, max_connections: int) -> None:
    if not timeout > 0:
        raise InvalidRequest([("timeout", "must be more than 0 seconds")])
    if max_connections < 1:
        raise InvalidRequest([("max_connections", "must be at least 1")])


def _secret_key(given: str | None) -> str:
    key = (os.environ.get("NEXI_SECRET_KEY", "") if given is None else given).strip()
    if not key:
        raise InvalidRequest([("secret_key", "is missing: pass it or set NEXI_SECRET_KEY; the portal shows it")])
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidRequest([("secret_key", "has white space, control or non-ASCII characters inside: copy it again")])
    return key


def _base_url(given: str | None, environment: Environment) -> str:
    """The address without its last slash; plain http only to this machine, since the key travels along."""
    if given is None:
        return environment.base_url
    parts = urlsplit(given)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise InvalidRequest([("base_url", f"{given!r} is not an address such as https://127.0.0.1:8400")])
    if parts.scheme == "http" and not is_this_machine(parts.hostname):
        raise InvalidRequest([("base_url", "must be https: the secret key would travel in the open")])
    return given.rstrip("/")


def _headers(secret_key: str, platform_tag: str | None) -> tuple[tuple[str, str], ...]:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    headers = [
        ("Authorization", secret_key),
        ("Accept", "application/json"),
        ("User-Agent", f"nexi-async/{version('nexi-async')} python/{python}"),
    ]
    if platform_tag is not None:
        headers.append(("CommercePlatformTag", _platform_tag(platform_tag)))
    return tuple(headers)


def _platform_tag(tag: str) -> str:
    if not tag or not tag.isascii() or not tag.isprintable():
        raise InvalidRequest([("platform_tag", "must be printable ASCII text")])
    return tag
