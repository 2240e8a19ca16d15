"""What all pages of the portal share: who may see and change something, and how a page is made.

Theory of operation. The portal is for browsers on this machine. A page is shown to callers on loopback addresses, and
not to scripts of other sites (`Origin`). A change must in addition come from a form of the portal itself: by `Origin`
and `Sec-Fetch-Site`, and by a token that only its pages have. Pages cannot be framed, load nothing from elsewhere and
run no script but their own (`Content-Security-Policy`). After a change the browser is sent to a page (303), so that
reloading does not repeat it.
"""

import hmac
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nexi_async.emulator._access import is_local, is_own_page
from nexi_async.emulator._forms import Form, read_form
from nexi_async.emulator._site import engine_of, site_of
from nexi_async.emulator._templates import templates

ROOT = "/emulator/portal"
Endpoint = Callable[[Request], Awaitable[Response]]
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def shows(show: Endpoint) -> Endpoint:
    @wraps(show)
    async def endpoint(request: Request) -> Response:
        return await show(request) if _may_read(request) else Response(status_code=403)

    return endpoint


def changes(change: Callable[[Request, Form], Awaitable[Response]]) -> Endpoint:
    """An endpoint that changes something; it gets the form that was sent."""

    @wraps(change)
    async def endpoint(request: Request) -> Response:
        if not _may_read(request):
            return Response(status_code=403)
        form = await read_form(request)
        if not hmac.compare_digest(form.get("token", "").encode(), site_of(request).token.encode()):
            text = "This page is from before the emulator's last start. Go back, reload it and try again."
            return problem(request, text, 403)
        return await change(request, form)

    return endpoint


def page(request: Request, template: str, status: int = 200, **names: Any) -> Response:
    return Response(render(request, template, **names), status, _HEADERS, "text/html")


def problem(request: Request, text: str, status: int = 404) -> Response:
    """A page that says why there is nothing to show."""
    return page(request, "portal_problem.html", status, text=text)


def render(request: Request, template: str, **names: Any) -> str:
    shared = {"root": _root(request), "token": site_of(request).token, "now": engine_of(request).clock.now()}
    return templates().get_template(template).render(**shared, **names)


def go_to(request: Request, path: str) -> Response:
    return RedirectResponse(_root(request) + path, 303)


def _may_read(request: Request) -> bool:
    return is_local(request) and is_own_page(request)


def _root(request: Request) -> str:
    """Where the portal is, also where the emulator is mounted in another app."""
    return str(request.scope.get("root_path", "")) + ROOT
