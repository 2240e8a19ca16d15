"""`nexi-async doctor`: what is configured, whether the API can be reached with it, and what webhooks need."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import anyio
import attrs
import httpx
import typer

from nexi_async import _environment as environments
from nexi_async._cli.api_command import reporting_failures
from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.options import BaseURLOption, EnvironmentOption, JSONOption, ProfileOption
from nexi_async._cli.output import Output, rows_table
from nexi_async._cli.profiles import config_file
from nexi_async._cli.settings import Settings, resolve_settings, webhook_authorization
from nexi_async._environment import is_this_machine
from nexi_async._transport.api_errors import http_date
from nexi_async._transport.tls import new_context

State = Literal["ok", "warning", "failed"]
TIMEOUT = 10.0
MAX_SKEW_SECONDS = 30.0
"""Seconds that this machine's clock may differ: whether a key is still remembered is reckoned by it."""
_KEY = re.compile(r"(?P<environment>test|live)-(?P<kind>secret|checkout)-key-.+")
_AUTHORIZATION = re.compile(r"[A-Za-z0-9]{8,64}")


@attrs.frozen
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str


def doctor(
    context: typer.Context,
    *,
    webhook_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The webhook address of your payments; it is called from this machine."),
    ] = None,
    as_json: JSONOption = False,
    profile: ProfileOption = None,
    environment: EnvironmentOption = None,
    base_url: BaseURLOption = None,
) -> None:
    """Check the key, the environment, the connection to the API, TLS, the clock and the webhook settings.

    Nothing is changed: the list of payment methods is retrieved once, and one GET is sent to the webhook address.

    Exit status: 0 if no check failed, 1 if some did, 2 if the configuration can't be read.

    Example: `nexi-async doctor --webhook-url https://shop.example/nexi/webhooks`
    """
    output = Output(as_json)
    with reporting_failures(output):
        settings = resolve_settings(profile=profile, environment=environment, base_url=base_url, ask=False)
        authorization = webhook_authorization(profile)
        if settings.secret_key is not None:
            settings.client({})  # refuses an address to which the key would be sent unencrypted
    transport = (context.obj or {}).get("transport")
    checks = [*_configuration(settings), *anyio.run(_of_network, settings, webhook_url, transport)]
    checks += _webhooks(settings, authorization)
    table = rows_table(("", "check", "result"), ((_MARKS[each.state], each.name, each.detail) for each in checks))
    output.show({"checks": [attrs.asdict(each) for each in checks]}, table)
    raise typer.Exit(ExitStatus.FAILED if any(each.state == "failed" for each in checks) else ExitStatus.OK)


_MARKS: Mapping[State, str] = {"ok": "✓", "warning": "!", "failed": "✗"}


def _configuration(settings: Settings) -> Iterator[Check]:
    path = config_file()
    yield Check("configuration file", "ok", f"{path}{'' if path.exists() else ' (there is none)'}")
    yield Check("environment", "ok", f"{'LIVE' if settings.is_live else settings.environment} at {settings.base_url}")
    yield _key(settings)
    if os.environ.get("HTTPS_PROXY") or os.environ.get("ALL_PROXY"):
        yield Check("proxy", "warning", "HTTPS_PROXY or ALL_PROXY is set; the SDK ignores both unless trust_env=True")


def _key(settings: Settings) -> Check:
    if settings.secret_key is None:
        return Check("secret key", "failed", "there is none: set NEXI_SECRET_KEY, or secret_key in a profile")
    found = _KEY.fullmatch(settings.secret_key.strip())
    source = f"from {settings.key_source}"
    if found is None:
        return Check("secret key", "ok", f"{source}; not of the form that the portal shows, so its kind is not known")
    if found["kind"] == "checkout":
        return Check("secret key", "failed", f"{source}: it is the checkout key, which is for web pages")
    if found["environment"] != settings.environment:
        text = f"{source}: it is a {found['environment']} key, but the environment is {settings.environment}"
        return Check("secret key", "failed", text)
    return Check("secret key", "ok", f"{source}; a {found['environment']} key")


# --- network -------------------------------------------------------------------------------------------------------


async def _of_network(settings: Settings, webhook_url: str | None, transport: Any) -> list[Check]:
    client = httpx.AsyncClient(transport=transport, verify=new_context(), trust_env=False, timeout=TIMEOUT)
    async with client:
        checks = [check async for check in _reach(client, settings)]
        if webhook_url is not None:
            checks += [check async for check in _reach_webhook(client, webhook_url)]
    return checks


async def _reach(client: httpx.AsyncClient, settings: Settings) -> AsyncIterator[Check]:
    began = time.perf_counter()
    try:
        response, tls = await _get(
            client, f"{settings.base_url.rstrip('/')}/v1/paymentmethods", (settings.secret_key or "").strip()
        )
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
        yield Check("API", "failed", f"can't be reached: {str(error) or type(error).__name__}")
        return
    milliseconds = (time.perf_counter() - began) * 1000
    yield Check("API", "ok", f"answered {response.status_code} after {milliseconds:.0f} ms")
    yield Check(
        "TLS", "ok" if tls else "warning", tls or "none: plain http, which the SDK accepts on this machine only"
    )
    yield _acceptance(response.status_code)
    yield _clock(response.headers.get("date"), datetime.now(UTC))


async def _get(client: httpx.AsyncClient, url: str, authorization: str) -> tuple[httpx.Response, str | None]:
    """A response, and the version of TLS that it came by."""
    headers = {"Authorization": authorization} if authorization else {}
    async with client.stream("GET", url, headers=headers) as response:
        stream = response.extensions.get("network_stream")
        tls = None if stream is None else stream.get_extra_info("ssl_object")
        return response, None if tls is None else f"{tls.version()}, {tls.cipher()[0]}"


def _acceptance(status: int) -> Check:
    if status == 401:
        return Check("key accepted", "failed", "the API refuses it: is it a secret key, of this environment?")
    if status == 200:
        return Check("key accepted", "ok", "yes")
    return Check("key accepted", "warning", f"not known: the API answered {status}")


def _clock(header: str | None, now: datetime) -> Check:
    theirs = http_date(header or "")
    if theirs is None:
        return Check("clock", "warning", "the response of the API has no date")
    skew = (now - theirs).total_seconds()
    if abs(skew) > MAX_SKEW_SECONDS:
        text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the API's: synchronise it"
        return Check("clock", "failed", text)
    return Check("clock", "ok", "within a second of the API's" if abs(skew) < 2 else f"{skew:+.0f} s from the API's")


# --- webhooks ------------------------------------------------------------------------------------------------------


def _webhooks(settings: Settings, authorization: str | None) -> Iterator[Check]:
    if authorization is None:
        yield Check("webhook authorization", "warning", "none is set: NEXI_WEBHOOK_AUTHORIZATION, or in a profile")
    elif _AUTHORIZATION.fullmatch(authorization):
        yield Check("webhook authorization", "ok", f"{len(authorization)} letters and digits")
    else:
        yield Check("webhook authorization", "failed", "the API takes 8 to 64 ASCII letters and digits")
    if is_this_machine(settings.host):
        yield Check("webhook senders", "ok", 'the emulator: give the receiver networks=["127.0.0.1"]')
    else:
        networks = ", ".join(map(str, environments.find(settings.environment).webhook_networks))
        yield Check("webhook senders", "ok", f"{networks}: allow them to reach the receiver")


async def _reach_webhook(client: httpx.AsyncClient, url: str) -> AsyncIterator[Check]:
    address = urlsplit(url)
    if address.scheme != "https":
        yield Check("webhook address", "failed", "must be https, but for the emulator on this machine")
        return
    async for check in _resolve(address.hostname or ""):
        yield check
    try:
        response, tls = await _get(client, url, "")
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
        yield Check("webhook address", "failed", f"can't be reached from here: {str(error) or type(error).__name__}")
        return
    yield Check("webhook TLS", "ok", f"the certificate is trusted; {tls or 'version not known'}")
    if response.status_code == 405:
        yield Check("webhook address", "ok", "a receiver answers: it accepts only POST")
    else:
        text = f"answers {response.status_code} to GET, a receiver of this SDK 405: is the path right?"
        yield Check("webhook address", "warning", text)


async def _resolve(host: str) -> AsyncIterator[Check]:
    """Whether the name leads to addresses that others can reach."""
    try:
        found = {str(entry[4][0]) for entry in await anyio.getaddrinfo(host, 443)}
    except OSError as error:
        yield Check("webhook name", "failed", f"{host} does not resolve: {error.strerror or error}")
        return
    private = sorted(each for each in found if not ipaddress.ip_address(each.partition("%")[0]).is_global)
    if private:
        yield Check("webhook name", "failed", f"{host} is {', '.join(private)}, which Nexi can't reach")
    else:
        yield Check("webhook name", "ok", f"{host} is {', '.join(sorted(found))}")
