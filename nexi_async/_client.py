"""`AsyncCheckout`: settings in, resource groups out."""

from __future__ import annotations

import functools
import math
import os
import re
import ssl
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import attrs

from nexi_async import _codec as codec
from nexi_async import _environment as environments
from nexi_async._environment import Environment, EnvironmentName, is_this_machine
from nexi_async._errors import InvalidRequest
from nexi_async._idempotency import check_key
from nexi_async._transport.checkout_transport import new_transport
from nexi_async._transport.hooks import Hooks
from nexi_async._transport.http_transport import SharedHeaders, Transport
from nexi_async._transport.lifetime import Lifetime
from nexi_async._transport.origin import Origin
from nexi_async._transport.proxy import check_proxy, proxy_of_environment
from nexi_async._transport.request import Request, Response
from nexi_async._transport.retry import RetryPolicy
from nexi_async._transport.session import Session
from nexi_async._transport.shared_backoff import SharedBackoff

if TYPE_CHECKING:
    from nexi_async._models.subscription import Subscription, UnscheduledSubscription
    from nexi_async._resources.card_payments import CardPayments
    from nexi_async._resources.charges import Charges
    from nexi_async._resources.payment_methods import PaymentMethods
    from nexi_async._resources.payments import Payments
    from nexi_async._resources.refunds import Refunds
    from nexi_async._resources.reports import Reports
    from nexi_async._resources.subscriptions import Subscriptions

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?(/[A-Za-z0-9._~/-]*)?"
)
"""Scheme, host, port and path; a user, a query or a fragment would not survive the path that is put after it."""

_PATH = re.compile(r"/[!\"$-~]*")
"""Printable ASCII without a fragment, which would not travel."""

_MOVES_MONEY = re.compile(r"/v1/([^/]+/[^/]+/(charges|refunds)|cardpayments)")
"""Charges, refunds and card payments; bulk charges have a name of the caller's instead of a key."""


class AsyncCheckout:
    """The client of the Nexi Checkout API; use it as `async with AsyncCheckout(...) as checkout:`.

    One client serves any number of tasks of one event loop through one pool of connections.
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
        trust_env: bool = False,
        transport: Transport | None = None,
        platform_tag: str | None = None,
        merchant_number: str | None = None,
        hooks: Hooks | None = None,
        require_idempotency_keys: bool = False,
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
            trust_env: use the proxy that HTTPS_PROXY, ALL_PROXY and NO_PROXY name; by default money takes no detour.
            transport: what sends the requests instead, e.g. `httpx.ASGITransport`; closed together with the client.
            platform_tag: names the shop platform to Nexi, e.g. "Acme 2.1".
            merchant_number: for partners, the merchant to act for in all calls that take one; digits.
            hooks: functions called around each attempt; see `Hooks`, and `nexi_async.telemetry` for OpenTelemetry.
            require_idempotency_keys: refuse charges, refunds and card payments to which the caller gives no key of its
                own, since a key that is made for each call can't tell a second click from a second purchase; see
                `derive_key`.

        Raises:
            InvalidRequest: a setting is missing or can't be right; the key itself is never repeated.
        """
        self._environment = environments.find(environment or os.environ.get("NEXI_ENVIRONMENT") or "test")
        _check_limits(timeout, max_connections)
        address = _base_url(base_url or os.environ.get("NEXI_BASE_URL"), self._environment)
        origin = Origin.of(address)
        if proxy is None and trust_env:
            proxy = proxy_of_environment(origin)
        if proxy is not None:
            check_proxy(proxy)
        self._lifetime = Lifetime(
            new_transport(transport, max_connections=max_connections, ssl_context=ssl_context, proxy=proxy)
        )
        key = _secret_key(secret_key)
        self._session = Session(
            lifetime=self._lifetime,
            origin=origin,
            root=urlsplit(address).path,
            headers=SharedHeaders(_headers(key, platform_tag)),
            backoff=SharedBackoff(key),
            timeout=timeout,
            retry=retry or RetryPolicy(),
            merchant_number=_merchant_number(merchant_number),
            hooks=hooks,
            requires_keys=require_idempotency_keys,
        )

    # Groups are loaded with their models when they are first used: few programs need all of them.

    @functools.cached_property
    def payments(self) -> Payments:
        """Create, retrieve, change, charge, refund, cancel."""
        from nexi_async._resources.payments import Payments

        return Payments(self._session)

    @functools.cached_property
    def charges(self) -> Charges:
        """Retrieve and refund single charges."""
        from nexi_async._resources.charges import Charges

        return Charges(self._session)

    @functools.cached_property
    def refunds(self) -> Refunds:
        """Retrieve refunds, cancel pending ones."""
        from nexi_async._resources.refunds import Refunds

        return Refunds(self._session)

    @functools.cached_property
    def payment_methods(self) -> PaymentMethods:
        """What the merchant has set up."""
        from nexi_async._resources.payment_methods import PaymentMethods

        return PaymentMethods(self._session)

    @functools.cached_property
    def card_payments(self) -> CardPayments:
        """Cards from server to server."""
        from nexi_async._resources.card_payments import CardPayments

        return CardPayments(self._session)

    @functools.cached_property
    def reports(self) -> Reports:
        """Payouts and what they are made of."""
        from nexi_async._resources.reports import Reports

        return Reports(self._session)

    @functools.cached_property
    def subscriptions(self) -> Subscriptions[Subscription]:
        """Charges on a schedule."""
        from nexi_async._resources.subscriptions import SCHEDULED, Subscriptions

        return Subscriptions(self._session, SCHEDULED)

    @functools.cached_property
    def unscheduled_subscriptions(self) -> Subscriptions[UnscheduledSubscription]:
        """Charges at any time."""
        from nexi_async._resources.subscriptions import UNSCHEDULED, Subscriptions

        return Subscriptions(self._session, UNSCHEDULED)

    def with_options(
        self,
        *,
        timeout: float | None = None,
        retry: RetryPolicy | None = None,
        secret_key: str | None = None,
        merchant_number: str | None = None,
    ) -> AsyncCheckout:
        """A cheap copy with other settings that shares the connections, and lives as long as this client.

        A platform serves many merchants this way: a wait that the API asks of one key holds up no other. What is left
        out stays as it is.

        Raises:
            InvalidRequest: a setting can't be right.
        """
        session = self._session
        changes: dict[str, Any] = {}
        if timeout is not None:
            _check_timeout(timeout)
            changes["timeout"] = timeout
        if retry is not None:
            changes["retry"] = retry
        if secret_key is not None:
            key = _secret_key(secret_key)
            headers = ((n, key if n == "Authorization" else value) for n, value in session.headers.items)
            changes["headers"] = SharedHeaders(tuple(headers))
            changes["backoff"] = session.backoff.for_key(key)
        if merchant_number is not None:
            changes["merchant_number"] = _merchant_number(merchant_number)
        copy = object.__new__(AsyncCheckout)
        copy._environment, copy._lifetime = self._environment, self._lifetime
        copy._session = attrs.evolve(session, **changes)
        return copy

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Response:
        """Send any request of the API, also one that this SDK does not know.

        Args:
            method: GET, POST, PUT ...
            path: from the slash on, e.g. "/v1/payments"; ids in it must be quoted by the caller.
            json: the body as plain JSON values; none when left out.
            query: parameters for the address.
            idempotency_key: sent along, and lets a POST be repeated on failure. GET and PUT always are, other methods
                only if the request surely was not received.

        Returns:
            The status, headers and body of a 2xx response; `.json()` reads the body.

        Raises:
            NexiError: any other answer, or none; see its outcome.
        """
        if not _PATH.fullmatch(path):
            raise InvalidRequest([("path", "must begin with / and be quoted, e.g. /v1/payments")])
        method = method.upper()
        if method == "POST" and _MOVES_MONEY.fullmatch(path):
            self._session.require_key(idempotency_key)
        return await self._session.send(
            Request(
                operation="request",
                method=method,
                path=path,
                query=tuple((query or {}).items()),
                body=None if json is None else codec.as_json(json),
                key=None if idempotency_key is None else check_key(idempotency_key),
            )
        )

    async def __aenter__(self) -> Self:
        await self._lifetime.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lifetime.close()

    def __repr__(self) -> str:
        return f"AsyncCheckout(environment={self._environment.name!r}, base_url={self._session.base_url!r})"


def _merchant_number(given: str | None) -> str | None:
    if given is not None and not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise InvalidRequest([("merchant_number", "must be digits only")])
    return given


def _check_timeout(timeout: float) -> None:
    if not 0 < timeout < math.inf:
        raise InvalidRequest([("timeout", "must be more than 0 seconds, and end")])


def _check_limits(timeout: float, max_connections: int) -> None:
    _check_timeout(timeout)
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
    if not given:
        return environment.base_url
    found = _ADDRESS.fullmatch(given)
    if found is None or int(found["port"] or 0) > 65_535:
        raise InvalidRequest([("base_url", "is not an address such as https://127.0.0.1:8400")])
    if found["scheme"] == "http" and not is_this_machine(found["host"].strip("[]")):
        raise InvalidRequest([("base_url", "must be https: the secret key would travel in the open")])
    return given.rstrip("/")


def _headers(secret_key: str, platform_tag: str | None) -> tuple[tuple[str, str], ...]:
    headers = [
        ("Authorization", secret_key),
        ("Accept", "application/json"),
        ("Accept-Encoding", "identity"),
        ("User-Agent", _user_agent()),
    ]
    if platform_tag is not None:
        headers.append(("CommercePlatformTag", _platform_tag(platform_tag)))
    return tuple(headers)


@functools.cache
def _user_agent() -> str:
    from importlib.metadata import version  # takes as long to load as all models together, and only clients need it

    return f"nexi-async/{version('nexi-async')} python/{sys.version_info.major}.{sys.version_info.minor}"


def _platform_tag(tag: str) -> str:
    tag = tag.strip()
    if not tag or not tag.isascii() or not tag.isprintable():
        raise InvalidRequest([("platform_tag", "must be printable ASCII text")])
    return tag
