"""One emulator as its endpoints see it: all emulators share their routes, and a request carries its own emulator."""

import secrets

from attrs import field, frozen
from starlette.requests import Request

from nexi_async.emulator._access import base_url
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._request_log import RequestLog

SITE = "nexi_async.emulator"
"""The key of the site in the scope of a request."""


@frozen
class Site:
    """What the endpoints of one emulator work with.

    Attributes:
        secret_key: The `Authorization` of API requests.
        public_url: Where shoppers reach the pages, without a slash at the end; None for where a request came in.
        hosts: The names and addresses of the emulator besides those that it listens at.
        token: What the portal's forms send, which no other page knows.
    """

    engine: Engine
    log: RequestLog
    secret_key: str = field(repr=False)
    public_url: str | None
    hosts: frozenset[str]
    token: str = field(factory=secrets.token_urlsafe, repr=False)


def site_of(request: Request) -> Site:
    site: Site = request.scope[SITE]
    return site


def engine_of(request: Request) -> Engine:
    return site_of(request).engine


def pages_url(request: Request) -> str:
    """Where the pages of the emulator are, without a slash at the end."""
    return base_url(request.scope, site_of(request).public_url)
