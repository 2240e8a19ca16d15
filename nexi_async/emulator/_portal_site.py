"""What all pages of the portal share: who may see and change something, the templates, and forms.

Theory of operation. The portal is for browsers on this machine. A page is shown to callers on loopback addresses, and
not to scripts of other sites (`Origin`). A change must in addition come from a form of the portal itself: by `Origin`
and `Sec-Fetch-Site`, and by a token that only its pages have. Pages cannot be framed, load nothing from elsewhere and
run no script but their own (`Content-Security-Policy`). After a change the browser is sent to a page (303), so that
reloading does not repeat it.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

import jinja2
import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nexi_async.emulator._access import Access, base_url, is_local, is_own_page
from nexi_async.emulator._engine import timestamps
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._request_log import without_secrets

ROOT = "/emulator/portal"
Form = Mapping[str, str]
Endpoint = Callable[[Request], Awaitable[Response]]
_PACKAGE = files("nexi_async.emulator")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class PortalSite:
    """The shared part of the portal of one emulator."""

    def __init__(self, engine: Engine, access: Access) -> None:
        self._engine = engine
        self._access = access
        self._token = secrets.token_urlsafe(32)
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("nexi_async.emulator"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"money": money, "time": _time, "json": _json}

    def shows(self, show: Endpoint) -> Endpoint:
        """An endpoint that shows something."""

        @wraps(show)
        async def endpoint(request: Request) -> Response:
            return await show(request) if self._may_read(request) else Response(status_code=403)

        return endpoint

    def changes(self, change: Callable[[Request, Form], Awaitable[Response]]) -> Endpoint:
        """An endpoint that changes something; it gets the form that was sent."""

        @wraps(change)
        async def endpoint(request: Request) -> Response:
            if not self._may_read(request):
                return Response(status_code=403)
            form = await _form(request)
            if not hmac.compare_digest(form.get("token", "").encode(), self._token.encode()):
                text = "This page is from before the emulator's last start. Go back, reload it and try again."
                return self.page(request, "portal_problem.html", 403, text=text)
            return await change(request, form)

        return endpoint

    def page(self, request: Request, template: str, status: int = 200, **names: Any) -> Response:
        """A page."""
        return Response(self.render(request, template, **names), status, _HEADERS, "text/html")

    def render(self, request: Request, template: str, **names: Any) -> str:
        """The text of a template."""
        return self._templates.get_template(template).render(
            root=_root(request), token=self._token, now=self._engine.clock.now(), **names
        )

    def go_to(self, request: Request, path: str) -> Response:
        """Send the browser to a page of the portal."""
        return RedirectResponse(_root(request) + path, 303)

    def shopper_pages(self, request: Request) -> str:
        """Where the shopper's pages are."""
        return base_url(request.scope, self._access.public_url)

    def _may_read(self, request: Request) -> bool:
        return is_local(request) and is_own_page(request)


def asset(folder: str, name: str, media_type: str) -> Endpoint:
    """An endpoint that serves a file of the package."""

    async def endpoint(_: Request) -> Response:
        return Response((_PACKAGE / folder / name).read_bytes(), media_type=media_type)

    return endpoint


def money(amount: int) -> str:
    """An amount of minor units in major ones."""
    whole, part = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{whole:,}.{part:02d}"


def read_money(text: str) -> int:
    """Minor units of an amount in major ones, with at most two decimals.

    Raises:
        ValueError: It is no such amount.
    """
    whole, _, part = text.strip().replace(",", "").partition(".")
    if not (whole + part).isdecimal() or not whole.isascii() or not part.isascii() or len(part) > 2 or len(whole) > 9:
        msg = f"{text!r} is no amount such as 125.00"
        raise ValueError(msg)
    return int(whole or 0) * 100 + int(part.ljust(2, "0"))


def _root(request: Request) -> str:
    """Where the portal is, also where the emulator is mounted in another app."""
    return str(request.scope.get("root_path", "")) + ROOT


async def _form(request: Request) -> Form:
    body = (await request.body()).decode(errors="replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}


def _time(at: float) -> str:
    return timestamps.render(at)[:19].replace("T", " ")


def _json(document: Any) -> str:
    return orjson.dumps(without_secrets(document), option=orjson.OPT_INDENT_2).decode()
