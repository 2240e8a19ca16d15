"""The control endpoints: the emulator's Python methods over HTTP, for callers on this machine only."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import orjson
from attrs import asdict
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nexi_async.emulator import _access as access
from nexi_async.emulator._engine import cards, settings
from nexi_async.emulator._engine.checkout import ShopperOutcome
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.faults import read_fault
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.state import KINDS
from nexi_async.emulator._engine.wire import JSON

Act = Callable[[Request, JSON], Awaitable[JSON]]
_MOST_SIGN_UPS = 1_000_000


def routes(engine: Engine) -> list[Route]:
    """All control endpoints."""
    controls = _Controls(engine)
    return [
        Route("/emulator/payments/{id}/pay", _endpoint(controls.pay), methods=["POST"]),
        Route("/emulator/payments/{id}/challenge", _endpoint(controls.answer_challenge), methods=["POST"]),
        Route("/emulator/payments/{id}/decline", _endpoint(controls.decline), methods=["POST"]),
        Route("/emulator/payments/{id}/cancel", _endpoint(controls.cancel), methods=["POST"]),
        Route("/emulator/subscriptions", _endpoint(controls.sign_up), methods=["POST"]),
        Route("/emulator/faults", _endpoint(controls.set_faults), methods=["PUT"]),
        Route("/emulator/settings", _endpoint(controls.set_settings), methods=["PUT"]),
        Route("/emulator/settings", _endpoint(controls.show_settings), methods=["GET"]),
        Route("/emulator/clock", _endpoint(controls.advance), methods=["POST"]),
        Route("/emulator/books", _endpoint(controls.state), methods=["GET"]),
        Route("/emulator/reset", _endpoint(controls.reset), methods=["POST"]),
    ]


class _Controls:
    """What each control endpoint does; it returns the JSON of the response."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def pay(self, request: Request, body: JSON) -> JSON:
        outcome = self._engine.pay(request.path_params["id"], **_only(body, card=str, method=str, consumer=dict))
        await self._engine.clock.sleep(outcome.delay)
        return _outcome(request, outcome)

    async def answer_challenge(self, request: Request, body: JSON) -> JSON:
        outcome = self._engine.answer_challenge(request.path_params["id"], **_only(body, result=str))
        await self._engine.clock.sleep(outcome.delay)
        return _outcome(request, outcome)

    async def decline(self, request: Request, body: JSON) -> JSON:
        outcome = self._engine.decline(request.path_params["id"], **_only(body, code=str))
        return _outcome(request, outcome)

    async def cancel(self, request: Request, body: JSON) -> JSON:
        _only(body)
        return _outcome(request, self._engine.cancel(request.path_params["id"]))

    async def sign_up(self, _: Request, body: JSON) -> JSON:
        wanted = _only(body, count=int, kind=str, card=str, external_references=bool)
        count = wanted.pop("count", 1)
        kind = wanted.pop("kind", "scheduled")
        if not 0 <= count <= _MOST_SIGN_UPS:
            msg = f"count must be between 0 and {_MOST_SIGN_UPS}"
            raise ValueError(msg)
        if kind not in KINDS:
            msg = f"kind must be one of {', '.join(KINDS)}"
            raise ValueError(msg)
        card = wanted.pop("card", cards.DEFAULT_CARD)
        return {"ids": self._engine.sign_up(count, kind=kind, card=card, **wanted)}

    async def set_faults(self, _: Request, body: JSON) -> JSON:
        if not isinstance(body, list):
            msg = "faults must be a list of objects"
            raise ValueError(msg)
        self._engine.set_faults([read_fault(document) for document in body])
        return {"faults": len(body)}

    async def set_settings(self, request: Request, body: JSON) -> JSON:
        body = {} if body in (None, []) else body
        if not isinstance(body, dict):
            msg = 'the body must be an object of settings, e.g. {"refund_seconds": 0}'
            raise ValueError(msg)
        self._engine.settings = settings.changed(self._engine.settings, body)
        return await self.show_settings(request, None)

    async def show_settings(self, _: Request, __: JSON) -> JSON:
        return asdict(self._engine.settings)

    async def advance(self, _: Request, body: JSON) -> JSON:
        seconds = _only(body, advance=(int, float)).get("advance", 0)
        self._engine.advance(seconds)
        return {"now": self._engine.clock.now()}

    async def state(self, _: Request, __: JSON) -> JSON:
        return self._engine.state()

    async def reset(self, _: Request, __: JSON) -> JSON:
        self._engine.reset()
        return {}


def _endpoint(act: Act) -> Callable[[Request], Awaitable[Response]]:
    @wraps(act)
    async def endpoint(request: Request) -> Response:
        refused = _refusal(request)
        if refused is not None:
            return refused
        try:
            body = await request.body()
            result = await act(request, _read(body))
        except Refusal as refusal:
            response = refusal.response
            return _json(response.status, response.body or {"message": f"Answered {response.status}"})
        except ValueError as error:
            return _json(400, {"message": str(error)})
        return _json(200, result)

    return endpoint


def _refusal(request: Request) -> Response | None:
    """The error response for a caller without access, if so."""
    if not access.is_local(request):
        return _json(403, {"message": "The controls are for callers on this machine"})
    if not access.is_own_page(request):
        return _json(403, {"message": "The controls are not for pages of other sites: another Origin"})
    if request.method not in access.READING and not access.is_json(request.headers.get("content-type", "")):
        return _json(415, {"message": "The controls want Content-Type: application/json"})
    return None


def _read(body: bytes) -> JSON:
    try:
        return orjson.loads(body) if body.strip() else None
    except orjson.JSONDecodeError as error:
        msg = f"the body is not JSON: {error}"
        raise ValueError(msg) from None


def _only(body: JSON, **kinds: JSON) -> dict[str, Any]:
    """The members of a JSON object, checked; nulls are left out."""
    if body is None or body == []:  # PHP encodes an empty object like this
        return {}
    if not isinstance(body, dict):
        msg = f"the body must be an object with {_listed(kinds)}, not {orjson.dumps(body).decode()[:40]}"
        raise ValueError(msg)
    unknown = sorted(body.keys() - kinds.keys())
    if unknown:
        msg = f"unknown members: {', '.join(unknown)}; there is {_listed(kinds)}"
        raise ValueError(msg)
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, kinds[name]) or (isinstance(value, bool) and kinds[name] is not bool):
            msg = f"{name} must be {_JSON_NAMES[kinds[name]]}, not {orjson.dumps(value).decode()[:40]}"
            raise ValueError(msg)
    return given


def _listed(kinds: dict[str, Any]) -> str:
    return ", ".join(f"{name} ({_JSON_NAMES[kind]})" for name, kind in kinds.items()) or "no members"


_JSON_NAMES = {str: "a text", int: "a whole number", bool: "true or false", dict: "an object", (int, float): "a number"}


def _outcome(request: Request, outcome: ShopperOutcome) -> dict[str, Any]:
    document = {"paymentId": request.path_params["id"], "result": outcome.result}
    members = {"code": outcome.code, "redirect": outcome.redirect}
    return document | {name: value for name, value in members.items() if value is not None}


def _json(status: int, document: JSON) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
