"""What all pages of the shopper share: of which payment they are, in which language, and who may embed them."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from nexi_async.emulator import _languages as languages
from nexi_async.emulator._access import READING, is_own_page
from nexi_async.emulator._engine.random_source import normal_id
from nexi_async.emulator._engine.state import Payment
from nexi_async.emulator._languages import Language
from nexi_async.emulator._site import engine_of, pages_url
from nexi_async.emulator._templates import templates

NO_ORIGIN = "'none'"
"""No origin at all, in the notation of `frame-ancestors`."""

_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'"


def with_payment(serve: Callable[[Request, Payment], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint of a page of a payment, `pid` in the query; forms are taken from the emulator's own pages only."""

    @wraps(serve)
    async def endpoint(request: Request) -> Response:
        if request.method not in READING and not is_own_page(request):
            return notice(request, "other_origin", 403)
        payment = payment_of(request, "pid")
        return notice(request, "unknown", 404) if payment is None else await serve(request, payment)

    return endpoint


def payment_of(request: Request, id_name: str) -> Payment | None:
    """The payment that the query names; None if there is none, or the checkout key is wrong."""
    engine, query = engine_of(request), request.query_params
    if query.get("checkoutKey") != engine.checkout_key:
        return None
    return engine.context().state.payments.get(normal_id(query.get(id_name, "")))


def language_of(request: Request) -> Language:
    return languages.find(request.query_params.get("language", ""))


def notice(
    request: Request, name: str, status: int, *, embedders: str = NO_ORIGIN, link: str | None = None, **values: str
) -> Response:
    text = language_of(request).text(f"notice.{name}", **values)
    return page(request, "closed.html", status, embedders=embedders, text=text, link=link)


def page(request: Request, template: str, status: int = 200, *, embedders: str = NO_ORIGIN, **names: Any) -> Response:
    """A page, which only these origins may embed."""
    shared = {"language": language_of(request), "root": urlsplit(pages_url(request)).path}
    headers = {
        "Content-Security-Policy": f"{_POLICY}; frame-ancestors {embedders}",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return Response(templates().get_template(template).render(**shared, **names), status, headers, "text/html")
