"""The ASGI app: routing, authentication, JSON in and out, and injected faults."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from nexi_async.emulator import _control as control
from nexi_async.emulator import _pages as pages
from nexi_async.emulator import _portal as portal
from nexi_async.emulator._access import Access, base_url, is_json, may_be_called
from nexi_async.emulator._broken_responses import CutResponse, LostResponse
from nexi_async.emulator._engine import openapi
from nexi_async.emulator._engine.context import APIRequest
from nexi_async.emulator._engine.endpoints import ENDPOINTS, Endpoint
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.faults import InjectedFault
from nexi_async.emulator._engine.responses import APIResponse
from nexi_async.emulator._engine.validation import EMPTY_BODY
from nexi_async.emulator._request_log import CallInProgress, RequestLog

_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]

_UNKNOWN_HOST = JSONResponse(
    {"message": "The emulator has no such Host; to be called by another name it takes --allow-host, or hosts=[...]"},
    status_code=421,
)

Handler = Callable[[Request], Awaitable[Response]]


def build(engine: Engine, access: Access, log: RequestLog) -> ASGIApp:
    """The app of an engine: the API, the pages, the portal, and the control endpoints."""
    router = Router(routes(engine, access, log), redirect_slashes=False)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_known = scope["type"] != "http" or may_be_called(scope, access.hosts)
        serve = router if is_known else _UNKNOWN_HOST
        await serve(_with_plain_path(scope), receive, send)

    return app


def routes(engine: Engine, access: Access, log: RequestLog) -> list[Route]:
    """All routes of the app."""
    api = [
        Route(endpoint.path, _handler(engine, access, log, endpoint), methods=[endpoint.method])
        for endpoint in ENDPOINTS
    ]
    # The API answers 405 where a path lacks its id.
    without_ids = sorted({each.path.replace("{id}", "").rstrip("/") for each in ENDPOINTS if "{id}" in each.path})
    not_allowed = [Route(path, _method_not_allowed, methods=_METHODS) for path in without_ids]
    extras = [*pages.routes(engine, access), *portal.routes(engine, access, log), *control.routes(engine)]
    return [*api, Route("/openapi.json", _openapi, methods=["GET"]), *extras, *not_allowed]


async def _openapi(_: Request) -> Response:
    return JSONResponse(openapi.document())


async def _method_not_allowed(_: Request) -> Response:
    return Response(status_code=405)


def _with_plain_path(scope: Scope) -> Scope:
    """Paths match in any case, with and without a slash at the end."""
    root = scope.get("root_path", "")
    path = scope["path"][len(root) :].lower().rstrip("/")
    return {**scope, "path": root + (path or "/")}


def _handler(engine: Engine, access: Access, log: RequestLog, endpoint: Endpoint) -> Handler:
    async def handle(http_request: Request) -> Response:
        call = CallInProgress(log, engine, http_request)
        try:
            body = await http_request.body()
        except ClientDisconnect:
            return Response(status_code=400)  # the client is gone and reads no response
        request, problem = _read(access, http_request, body)
        call.request, call.request_bytes = request, len(body)
        if http_request.headers.get("authorization") != access.secret_key:
            call.end(APIResponse(401))
            return Response(status_code=401)
        fault = engine.match_fault(endpoint.method, http_request.scope["path"])
        if fault is not None and fault.fault == "status":
            call.end(fault.response, fault)
            return _http_response(fault.response)
        response = problem or engine.handle(endpoint, request)
        try:
            await _delay(engine, endpoint, request, response, fault)
        finally:
            call.end(response, fault)
        return _with_fault(_http_response(response), fault)

    return handle


def _read(access: Access, http_request: Request, body: bytes) -> tuple[APIRequest, APIResponse | None]:
    """The API request in an HTTP request, and the error response if its body cannot be read."""
    document: Any = None
    problem = None
    if body and not is_json(http_request.headers.get("content-type", "application/json")):
        problem = APIResponse(415)
    elif body:
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            problem = APIResponse(400, {"errors": EMPTY_BODY})
    request = APIRequest(
        path=http_request.path_params,
        query=_query(http_request),
        body=document,
        key=http_request.headers.get("idempotency-key"),
        base_url=base_url(http_request.scope, access.public_url),
    )
    return request, problem


def _query(http_request: Request) -> dict[str, str]:
    """Query parameters by lower-case name; a repeated one counts as a list with commas."""
    query: dict[str, str] = {}
    for name, value in http_request.query_params.multi_items():
        folded = name.lower()
        query[folded] = f"{query[folded]},{value}" if folded in query else value
    return query


async def _delay(
    engine: Engine, endpoint: Endpoint, request: APIRequest, response: APIResponse, fault: InjectedFault | None
) -> None:
    """Hold a response back for as long as it or a fault says; meanwhile its idempotency key is in progress."""
    delay = response.delay + (fault.seconds if fault is not None and fault.fault == "delay" else 0)
    if not delay:
        return
    in_progress = endpoint.keyed and request.key is not None and response.status != 409
    if in_progress:
        engine.mark_in_progress(endpoint, request, in_progress=True)
    try:
        await engine.clock.sleep(delay)
    finally:
        if in_progress:
            engine.mark_in_progress(endpoint, request, in_progress=False)


def _http_response(response: APIResponse) -> Response:
    if response.body is None:
        return Response(status_code=response.status, headers=response.headers)
    content = orjson.dumps(response.body)
    return Response(content, response.status, response.headers, "application/json; charset=utf-8")


def _with_fault(response: Response, fault: InjectedFault | None) -> Response:
    if fault is not None and fault.fault == "lose_response":
        return LostResponse()
    if fault is not None and fault.fault == "cut":
        return CutResponse(response, fault.after_bytes)
    return response
