"""The ASGI side: routing, keys, JSON in and out, and the faults on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from nexi_async.emulator import _access as access
from nexi_async.emulator import _control as control
from nexi_async.emulator import _pages as pages
from nexi_async.emulator._context import Call
from nexi_async.emulator._faults import CutResponse, Fault, LostResponse
from nexi_async.emulator._idempotency import Scope as KeyScope
from nexi_async.emulator._operations import CALLS, WireCall
from nexi_async.emulator._random_source import normal_id
from nexi_async.emulator._responses import Answer
from nexi_async.emulator._validation import EMPTY_BODY

if TYPE_CHECKING:
    from nexi_async.emulator._emulator import CheckoutEmulator

_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]

_UNKNOWN_HOST = JSONResponse(
    {"message": "The emulator has no such Host; to be called by another name it takes --allow-host, or hosts=[...]"},
    status_code=421,
)

Endpoint = Callable[[Request], Awaitable[Response]]


def build(emulator: CheckoutEmulator) -> ASGIApp:
    """The app of an emulator."""
    calls = [Route(wire.path, _endpoint(emulator, wire), methods=[wire.method]) for wire in CALLS]
    # The API answers 405 where a path lacks its id.
    without_ids = sorted({wire.path.replace("{id}", "").rstrip("/") for wire in CALLS if "{id}" in wire.path})
    lacking = [Route(path, _method_not_allowed, methods=_METHODS) for path in without_ids]
    extras = [*pages.routes(emulator), *control.routes(emulator)]
    router = Router([*calls, *extras, *lacking], redirect_slashes=False)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_known = scope["type"] != "http" or access.may_be_called(scope, emulator.hosts)
        serve = router if is_known else _UNKNOWN_HOST
        await serve(_with_plain_path(scope), receive, send)

    return app


async def _method_not_allowed(_: Request) -> Response:
    return Response(status_code=405)


def scope_of(wire: WireCall, call: Call) -> KeyScope:
    """Within what an idempotency key counts: the call, the id in its path, and the key."""
    return wire.path, normal_id(call.path.get("id", "")), call.key or ""


def _with_plain_path(scope: Scope) -> Scope:
    """Paths match in any case, with and without a slash at the end."""
    root = scope.get("root_path", "")
    path = root + scope["path"][len(root) :].lower().rstrip("/")
    return {**scope, "path": path or "/"}


def _endpoint(emulator: CheckoutEmulator, wire: WireCall) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        if request.headers.get("authorization") != emulator.secret_key:
            return Response(status_code=401)
        fault = emulator.strike(wire.method, request.scope["path"])
        if fault is not None and fault.fault == "status":
            return _response(fault.answer)
        call, problem = _read(emulator, request, body)
        answer = problem or emulator.answer(wire, call)
        await _hold_back(emulator, wire, call, answer, fault)
        return _spoilt(_response(answer), fault)

    return endpoint


def _read(emulator: CheckoutEmulator, request: Request, body: bytes) -> tuple[Call, Answer | None]:
    """The call a request makes, or why it cannot be read."""
    document: Any = None
    problem = None
    if body and not access.is_json(request.headers.get("content-type", "application/json")):
        problem = Answer(415)
    elif body:
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            problem = Answer(400, {"errors": EMPTY_BODY})
    call = Call(
        path=request.path_params,
        query=_query(request),
        body=document,
        key=request.headers.get("idempotency-key"),
        base_url=access.base_url(request.scope, emulator.public_url),
    )
    return call, problem


def _query(request: Request) -> dict[str, str]:
    """Query parameters by lower-case name; a repeated one counts as a list with commas."""
    query: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        folded = name.lower()
        query[folded] = f"{query[folded]},{value}" if folded in query else value
    return query


async def _hold_back(
    emulator: CheckoutEmulator, wire: WireCall, call: Call, answer: Answer, fault: Fault | None
) -> None:
    """Keep the answer for as long as it or a fault says; the call counts as running meanwhile."""
    delay = answer.delay + (fault.seconds if fault is not None and fault.fault == "delay" else 0)
    if not delay:
        return
    is_running = wire.keyed and call.key is not None and answer.status != 409
    if is_running:
        emulator.mark_running(wire, call, running=True)
    try:
        await emulator.clock.sleep(delay)
    finally:
        if is_running:
            emulator.mark_running(wire, call, running=False)


def _response(answer: Answer) -> Response:
    if answer.body is None:
        return Response(status_code=answer.status, headers=answer.headers)
    content = orjson.dumps(answer.body)
    return Response(content, answer.status, answer.headers, "application/json; charset=utf-8")


def _spoilt(response: Response, fault: Fault | None) -> Response:
    if fault is not None and fault.fault == "lose_answer":
        return LostResponse()
    if fault is not None and fault.fault == "cut":
        return CutResponse(response, fault.after_bytes)
    return response
