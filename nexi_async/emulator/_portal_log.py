"""The portal's log of API calls, and the live log by server-sent events, for browsers and for programs.

The live log follows the HTML standard, section 9.2 (https://html.spec.whatwg.org/multipage/server-sent-events.html):
each event has the HTML of one call, or its JSON at `/emulator/log`, and its number as the id; a browser that connects
again says by `Last-Event-ID` where it was.
"""

import json
from collections.abc import Callable

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from nexi_async.emulator._portal_page import ROOT, page, render, shows
from nexi_async.emulator._request_log import CallFilter, LoggedCall, Reader, RequestLog, TooManyReaders, without_secrets
from nexi_async.emulator._site import site_of

_SHOWN = 100
_METHODS = ("GET", "POST", "PUT")
_STATUSES = {"2": "2xx", "4": "4xx", "5": "5xx", "0": "broken off"}
_KEEP_ALIVE = 15.0


def routes() -> list[Route]:
    return [
        Route("/emulator/log", _follow_as_json, methods=["GET"]),
        Route(f"{ROOT}/log", _show, methods=["GET"]),
        Route(f"{ROOT}/log/live", _follow, methods=["GET"]),
    ]


@shows
async def _show(request: Request) -> Response:
    log, wanted = site_of(request).log, _filter(request)
    return page(
        request,
        "portal_log.html",
        calls=log.find(wanted, limit=_SHOWN),
        wanted=wanted,
        count=log.count,
        methods=_METHODS,
        statuses=_STATUSES,
        query=request.url.query,
    )


@shows
async def _follow(request: Request) -> Response:
    return LiveLog(request, lambda call: render(request, "portal_call.html", call=call))


@shows
async def _follow_as_json(request: Request) -> Response:
    return LiveLog(request, _json_of)


def _json_of(call: LoggedCall) -> str:
    """A call as a JSON document on one line, in ASCII, so that nothing in it can end the line."""
    document = {
        "number": call.number,
        "at": call.at,
        "method": call.method,
        "path": call.path,
        "status": call.status,
        "milliseconds": round(call.milliseconds, 3),
        "paymentId": call.payment_id,
        "fault": call.fault,
        "headers": dict(call.headers),
        "request": without_secrets(call.request),
        "response": without_secrets(call.response),
    }
    return json.dumps({name: value for name, value in document.items() if value is not None})


class LiveLog(Response):
    """A response that lasts until the client leaves or the log is closed: one event for each call that is wanted."""

    media_type = "text/event-stream"

    def __init__(self, request: Request, write: Callable[[LoggedCall], str]) -> None:
        super().__init__(headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._log = site_of(request).log
        self._wanted = _filter(request)
        self._write = write
        self._after = _last_number(request, self._log)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._log.follow() as reader:
                await self._serve(reader, receive, send)
        except TooManyReaders:
            await Response("Too many pages follow the log.", 503)(scope, receive, send)

    async def _serve(self, reader: Reader, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_at_disconnect, receive, tasks.cancel_scope)
            await self._send_all(reader, send)
            tasks.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _send_all(self, reader: Reader, send: Send) -> None:
        """Send what was missed and what comes, until the log is closed."""
        await _send(send, "retry: 1000\n\n")
        for call in self._log.after(self._after):
            await self._send_call(call, send)
        while True:
            try:
                following = await reader.next(_KEEP_ALIVE)
            except anyio.EndOfStream:
                return
            missed = reader.take_missed()
            if missed:
                await _send(send, f"event: missed\ndata: {missed}\n\n")
            if following is None:
                await _send(send, ": keep-alive\n\n")
            else:
                await self._send_call(following, send)

    async def _send_call(self, call: LoggedCall, send: Send) -> None:
        if not self._wanted.matches(call):
            return
        data = "".join(f"data: {line}\n" for line in self._write(call).splitlines())
        await _send(send, f"id: {call.number}\n{data}\n")


async def _send(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _cancel_at_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _filter(request: Request) -> CallFilter:
    query = request.query_params
    method, status = query.get("method", ""), query.get("status", "")
    return CallFilter(
        method if method in _METHODS else "",
        query.get("path", "").strip(),
        status if status in _STATUSES else "",
        query.get("payment", "").strip().lower(),
    )


def _last_number(request: Request, log: RequestLog) -> int:
    """The number of the last call that the page has, as the browser says, or the page itself at first."""
    text = request.headers.get("last-event-id") or request.query_params.get("after", "")
    return int(text) if text.isdecimal() and len(text) < 19 else log.count
