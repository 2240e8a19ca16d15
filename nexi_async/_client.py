"""`AsyncCheckout`: the client, its settings and its groups of calls."""

from __future__ import annotations

import functools
import math
import os
import re
import ssl
import sys
from collections.abc import Mapping
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
"""Scheme, host, port and path; no user, query or fragment, since the path of a call is appended to it."""

_PATH = re.compile(r"/[!\"$-~]*")
"""Printable ASCII without a fragment, which HTTP does not send."""

_MOVES_MONEY = re.compile(r"/v1/([^/?]+/[^/?]+/(charges|refunds)|cardpayments)/?(\?.*)?", re.IGNORECASE)
"""Charges, refunds and card payments, in any spelling that the API understands; bulk charges have a name of the
caller's instead of a key."""


class AsyncCheckout:
    """The client of the Nexi Checkout API; use it as `async with AsyncCheckout(...) as checkout:`.

    One client serves any number of tasks of one event loop through one pool of connections: open one for each process.
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
            secret_key: the secret API key of the environment, from the Checkout Portal; `NEXI_SECRET_KEY` when left
                out.
            environment: "test" or "live"; `NEXI_ENVIRONMENT`, else "test", when left out.
            base_url: another address, e.g. the emulator's; `NEXI_BASE_URL`, else the environment's, when left out.
            timeout: seconds that one attempt may take, connection and response together.
            retry: the limits of a call over all attempts; see `RetryPolicy`.
            max_connections: how many connections are open at most.
            ssl_context: used unchanged; by default TLS 1.2 or newer with the trust store of certifi.
            proxy: the address of an HTTP proxy.
            trust_env: use the proxy of the variables HTTPS_PROXY, ALL_PROXY and NO_PROXY; by default they are ignored.
            transport: sends the requests instead, e.g. `httpx.ASGITransport`; closed together with the client.
            platform_tag: the name of the shop platform, sent to Nexi as `CommercePlatformTag`, e.g. "Acme 2.1".
            merchant_number: for partners, the merchant to act for in all calls that take one; digits.
            hooks: functions called around each attempt; see `Hooks`, and `nexi_async.telemetry` for OpenTelemetry.
            require_idempotency_keys: refuse charges, refunds and card payments, also those of `request`, without a key
                of the caller: a key that is made for each call does not protect against a second click. See
                `derive_key`.

        Raises:
            InvalidRequest: a setting is missing or invalid; its text never contains the key.
        """
        self._environment = environments.find(environment or os.environ.get("NEXI_ENVIRONMENT") or "test")
        _check_timeout(timeout)
        if max_connections < 1:
            raise InvalidRequest([("max_connections", "must be at least 1")])
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
        """Create, retrieve, update, charge, refund, cancel and terminate payments."""
        from nexi_async._resources.payments import Payments

        return Payments(self._session)

    @functools.cached_property
    def charges(self) -> Charges:
        """Retrieve and refund single charges."""
        from nexi_async._resources.charges import Charges

        return Charges(self._session)

    @functools.cached_property
    def refunds(self) -> Refunds:
        """Retrieve refunds, and cancel pending ones."""
        from nexi_async._resources.refunds import Refunds

        return Refunds(self._session)

    @functools.cached_property
    def payment_methods(self) -> PaymentMethods:
        """List the payment methods that the merchant has set up."""
        from nexi_async._resources.payment_methods import PaymentMethods

        return PaymentMethods(self._session)

    @functools.cached_property
    def card_payments(self) -> CardPayments:
        """Card payments from server to server."""
        from nexi_async._resources.card_payments import CardPayments

        return CardPayments(self._session)

    @functools.cached_property
    def reports(self) -> Reports:
        """Read balances, payouts, and the charges and refunds of a payout."""
        from nexi_async._resources.reports import Reports

        return Reports(self._session)

    @functools.cached_property
    def subscriptions(self) -> Subscriptions[Subscription]:
        """Subscriptions that are charged at intervals."""
        from nexi_async._resources.subscriptions import SCHEDULED, Subscriptions

        return Subscriptions(self._session, SCHEDULED)

    @functools.cached_property
    def unscheduled_subscriptions(self) -> Subscriptions[UnscheduledSubscription]:
        """Subscriptions that are charged when needed."""
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
        """A copy with other settings that shares the connections; it can be used as long as this client is open.

        A copy is cheap: make one for each request, e.g. for each merchant of a platform. A `Retry-After` delays only
        calls with the same secret key. A setting that is left out is that of this client.

        Raises:
            InvalidRequest: a setting is invalid.
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
        """Send any request to the API, also one that this SDK does not cover.

        GET and PUT, and a POST with an `idempotency_key`, are repeated on failure; other requests only if the API
        surely did nothing.

        Args:
            method: GET, POST, PUT ...
            path: absolute, e.g. "/v1/payments"; the caller quotes the ids in it.
            json: the body as plain JSON values; none when left out.
            query: parameters of the query, added to those of `path`.
            idempotency_key: sent as `Idempotency-Key`. Charges, refunds and card payments need one if the client has
                `require_idempotency_keys`.

        Returns:
            The status, headers and body of a 2xx response; `.json()` reads the body.

        Raises:
            InvalidRequest: the path or the key is invalid, or the key is missing; nothing was sent.
            NexiError: any other response, or none; see its outcome.
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

    async def __aexit__(self, *_: object) -> None:
        await self._lifetime.close()

    def __repr__(self) -> str:
        return f"AsyncCheckout(environment={self._environment.name!r}, base_url={self._session.base_url!r})"


def _merchant_number(given: str | None) -> str | None:
    if given is not None and not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise InvalidRequest([("merchant_number", "must be digits only")])
    return given


def _check_timeout(timeout: float) -> None:
    if not 0 < timeout < math.inf:
        raise InvalidRequest([("timeout", "must be a finite number of seconds, more than 0")])


def _secret_key(given: str | None) -> str:
    key = (os.environ.get("NEXI_SECRET_KEY", "") if given is None else given).strip()
    if not key:
        raise InvalidRequest(
            [("secret_key", "is missing: pass it or set NEXI_SECRET_KEY; it is in the Checkout Portal")]
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidRequest([("secret_key", "has white space, control or non-ASCII characters inside: copy it again")])
    return key


def _base_url(given: str | None, environment: Environment) -> str:
    """The address without its last slash; plain http only to this machine, since the key is sent with each call."""
    if not given:
        return environment.base_url
    found = _ADDRESS.fullmatch(given)
    if found is None or int(found["port"] or 0) > 65_535:
        raise InvalidRequest([("base_url", "is not an address such as https://127.0.0.1:8400")])
    if found["scheme"] == "http" and not is_this_machine(found["host"].strip("[]")):
        raise InvalidRequest([("base_url", "must be https: the secret key would be sent unencrypted")])
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
