"""The ASGI app: routing, authentication, JSON in and out, and injected faults."""

from collections.abc import Awaitable, Callable
from functools import cache

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from nexi_async.emulator import _assets as assets
from nexi_async.emulator import _challenge_page as challenge_page
from nexi_async.emulator import _checkout_pages as checkout_pages
from nexi_async.emulator import _control as control
from nexi_async.emulator import _portal as portal
from nexi_async.emulator._access import is_json, may_be_called
from nexi_async.emulator._broken_responses import BrokenResponse
from nexi_async.emulator._engine import openapi
from nexi_async.emulator._engine.context import APIRequest
from nexi_async.emulator._engine.endpoints import ENDPOINTS, Endpoint
from nexi_async.emulator._engine.faults import InjectedFault
from nexi_async.emulator._engine.responses import APIResponse
from nexi_async.emulator._engine.validation import EMPTY_BODY
from nexi_async.emulator._engine.wire import JSON
from nexi_async.emulator._request_log import CallInProgress
from nexi_async.emulator._site import SITE, Site, pages_url, site_of

_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]

_UNKNOWN_HOST = JSONResponse(
    {"message": "The emulator has no such Host; to be called by another name it takes --allow-host, or hosts=[...]"},
    status_code=421,
)

Handler = Callable[[Request], Awaitable[Response]]


async def serve(site: Site, scope: Scope, receive: Receive, send: Send) -> None:
    is_known = scope["type"] != "http" or may_be_called(scope, site.hosts)
    app = _router() if is_known else _UNKNOWN_HOST
    await app({**scope, "path": _plain_path(scope), SITE: site}, receive, send)


def routes() -> list[Route]:
    api = [Route(endpoint.path, _handler(endpoint), methods=[endpoint.method]) for endpoint in ENDPOINTS]
    # The API answers 405 where a path lacks its id.
    without_ids = sorted({each.path.replace("{id}", "").rstrip("/") for each in ENDPOINTS if "{id}" in each.path})
    return [
        *api,
        Route("/openapi.json", _openapi, methods=["GET"]),
        *checkout_pages.routes(),
        *challenge_page.routes(),
        *assets.routes(),
        *portal.routes(),
        *control.routes(),
        *(Route(path, _method_not_allowed, methods=_METHODS) for path in without_ids),
    ]


@cache
def _router() -> Router:
    """The routes of all emulators, which are made once a process: they cost more than all else of an emulator."""
    return Router(routes(), redirect_slashes=False)


async def _openapi(_: Request) -> Response:
    return JSONResponse(openapi.document())


async def _method_not_allowed(_: Request) -> Response:
    return Response(status_code=405)


def _plain_path(scope: Scope) -> str:
    """The path of a request in lower case and without a slash at the end: routes match it however it is written."""
    root: str = scope.get("root_path", "")
    path = scope["path"][len(root) :].lower().rstrip("/")
    return root + (path or "/")


def _handler(endpoint: Endpoint) -> Handler:
    async def handle(http_request: Request) -> Response:
        site = site_of(http_request)
        call = CallInProgress(site.log, site.engine, http_request)
        try:
            body = await http_request.body()
        except ClientDisconnect:
            return Response(status_code=400)  # the client is gone and reads no response
        request, problem = _read(http_request, body)
        response, fault = _respond(site, endpoint, request, problem, http_request)
        delay = response.delay + (fault.seconds if fault is not None and fault.fault == "delay" else 0)
        try:
            await site.engine.hold_back(endpoint, request, delay)
        finally:
            call.end(request, len(body), response, fault)
        return _with_fault(_http_response(response), fault)

    return handle


def _respond(
    site: Site, endpoint: Endpoint, request: APIRequest, problem: APIResponse | None, http_request: Request
) -> tuple[APIResponse, InjectedFault | None]:
    """The response to a request, and the injected fault that it meets; a `status` takes the place of the effect."""
    if http_request.headers.get("authorization") != site.secret_key:
        return APIResponse(401), None
    fault = site.engine.match_fault(endpoint.method, http_request.scope["path"])
    if fault is not None and fault.fault == "status":
        return fault.response, fault
    return problem or site.engine.handle(endpoint, request), fault


def _read(http_request: Request, body: bytes) -> tuple[APIRequest, APIResponse | None]:
    """The API request in an HTTP request, and the error response if its body cannot be read."""
    document, problem = _read_json(http_request.headers.get("content-type", "application/json"), body)
    request = APIRequest(
        path=http_request.path_params,
        query=_query(http_request),
        body=document,
        key=http_request.headers.get("idempotency-key"),
        base_url=pages_url(http_request),
    )
    return request, problem


def _read_json(content_type: str, body: bytes) -> tuple[JSON, APIResponse | None]:
    if not body:
        return None, None
    if not is_json(content_type):
        return None, APIResponse(415)
    try:
        return orjson.loads(body), None
    except orjson.JSONDecodeError:
        return None, APIResponse(400, {"errors": EMPTY_BODY})


def _query(http_request: Request) -> dict[str, str]:
    """Query parameters by lower-case name; a repeated one counts as a list with commas."""
    query: dict[str, str] = {}
    for name, value in http_request.query_params.multi_items():
        folded = name.lower()
        query[folded] = f"{query[folded]},{value}" if folded in query else value
    return query


def _http_response(response: APIResponse) -> Response:
    if response.body is None:
        return Response(status_code=response.status, headers=response.headers)
    content = orjson.dumps(response.body)
    return Response(content, response.status, response.headers, "application/json; charset=utf-8")


def _with_fault(response: Response, fault: InjectedFault | None) -> Response:
    if fault is not None and fault.fault == "lose_response":
        return BrokenResponse(response)
    if fault is not None and fault.fault == "cut":
        return BrokenResponse(response, fault.after_bytes)
    return response
