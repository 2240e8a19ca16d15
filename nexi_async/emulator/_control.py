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
from nexi_async.emulator._engine import settings
from nexi_async.emulator._engine.checkout import ShopperOutcome
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._engine.faults import read_fault
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.state import KINDS
from nexi_async.emulator._engine.wire import JSON
from nexi_async.emulator._site import engine_of

Control = Callable[..., Awaitable[JSON]]
_MOST_SIGN_UPS = 1_000_000


def routes() -> list[Route]:
    controls = (
        ("POST", "/payments/{payment_id}/pay", _shopper(Engine.pay, card=str, method=str, consumer=dict)),
        ("POST", "/payments/{payment_id}/challenge", _shopper(Engine.answer_challenge, result=str)),
        ("POST", "/payments/{payment_id}/decline", _shopper(Engine.decline, code=str)),
        ("POST", "/payments/{payment_id}/cancel", _shopper(Engine.cancel)),
        ("POST", "/subscriptions", _sign_up),
        ("PUT", "/faults", _set_faults),
        ("PUT", "/settings", _set_settings),
        ("GET", "/settings", _show_settings),
        ("POST", "/clock", _advance),
        ("GET", "/state", _state),
        ("POST", "/reset", _reset),
    )
    return [Route(f"/emulator{path}", _endpoint(control), methods=[method]) for method, path, control in controls]


def _shopper(action: Callable[..., ShopperOutcome], **kinds: type) -> Control:
    """A control of something that the shopper does to a payment; the body may have members of these kinds."""

    async def control(engine: Engine, body: JSON, payment_id: str) -> JSON:
        outcome = action(engine, payment_id, **_only(body, **kinds))
        await engine.clock.sleep(outcome.delay)
        members = {"result": outcome.result, "code": outcome.code, "redirect": outcome.redirect}
        return {"paymentId": payment_id} | {name: value for name, value in members.items() if value is not None}

    return control


async def _sign_up(engine: Engine, body: JSON) -> JSON:
    wanted = {"count": 1} | _only(body, count=int, kind=str, card=str, external_references=bool)
    if not 0 <= wanted["count"] <= _MOST_SIGN_UPS:
        msg = f"count must be between 0 and {_MOST_SIGN_UPS}"
        raise ValueError(msg)
    if wanted.get("kind", "scheduled") not in KINDS:
        msg = f"kind must be one of {', '.join(KINDS)}"
        raise ValueError(msg)
    return {"ids": engine.sign_up(**wanted)}


async def _set_faults(engine: Engine, body: JSON) -> JSON:
    if not isinstance(body, list):
        msg = "faults must be a list of objects"
        raise ValueError(msg)
    engine.set_faults([read_fault(document) for document in body])
    return {"faults": len(body)}


async def _set_settings(engine: Engine, body: JSON) -> JSON:
    body = {} if body in (None, []) else body
    if not isinstance(body, dict):
        msg = 'the body must be an object of settings, e.g. {"refund_seconds": 0}'
        raise ValueError(msg)
    engine.settings = settings.changed(engine.settings, body)
    return asdict(engine.settings)


async def _show_settings(engine: Engine, _: JSON) -> JSON:
    return asdict(engine.settings)


async def _advance(engine: Engine, body: JSON) -> JSON:
    engine.advance(_only(body, advance=(int, float)).get("advance", 0))
    return {"now": engine.clock.now()}


async def _state(engine: Engine, _: JSON) -> JSON:
    return engine.state()


async def _reset(engine: Engine, _: JSON) -> JSON:
    engine.reset()
    return {}


def _endpoint(control: Control) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint of a control, which gets the engine, the JSON of the request and the parameters of the path."""

    @wraps(control)
    async def endpoint(request: Request) -> Response:
        refused = _refusal(request)
        if refused is not None:
            return refused
        try:
            body = _read(await request.body())
            result = await control(engine_of(request), body, **request.path_params)
        except Refusal as refusal:
            response = refusal.response
            return _json(response.status, response.body or {"message": f"Answered {response.status}"})
        except ValueError as error:
            return _json(400, {"message": str(error)})
        return _json(200, result)

    return endpoint


def _refusal(request: Request) -> Response | None:
    if not access.is_local(request):
        return _json(403, {"message": "The controls are for callers on this machine"})
    if not access.is_own_page(request):
        return _json(403, {"message": "The controls are not for pages of other sites: another Origin"})
    if request.method not in access.READING and not access.is_json(request.headers.get("content-type", "")):
        return _json(415, {"message": "The controls need Content-Type: application/json"})
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
        msg = f"the body must be an object with {_listed(kinds)}, not {_start_of(body)}"
        raise ValueError(msg)
    unknown = sorted(body.keys() - kinds.keys())
    if unknown:
        msg = f"unknown members: {', '.join(unknown)}; there is {_listed(kinds)}"
        raise ValueError(msg)
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        _refuse_other_kind(name, value, kinds[name])
    return given


def _refuse_other_kind(name: str, value: JSON, kind: Any) -> None:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        msg = f"{name} must be {_JSON_NAMES[kind]}, not {_start_of(value)}"
        raise ValueError(msg)


def _start_of(value: JSON) -> str:
    return orjson.dumps(value).decode()[:40]


def _listed(kinds: dict[str, Any]) -> str:
    return ", ".join(f"{name} ({_JSON_NAMES[kind]})" for name, kind in kinds.items()) or "no members"


_JSON_NAMES = {str: "a text", int: "a whole number", bool: "true or false", dict: "an object", (int, float): "a number"}


def _json(status: int, document: JSON) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
