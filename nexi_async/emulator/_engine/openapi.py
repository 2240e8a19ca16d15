"""The emulated API as an OpenAPI document, made of the tables that route requests and validate bodies.

It follows the OpenAPI Specification 3.1.0 (https://spec.openapis.org/oas/v3.1.0), whose schemas are JSON Schema
2020-12. Rules between members (sums, one of two ids) are no part of it: they are refused with 400 all the same.
"""

import re
from collections.abc import Mapping
from functools import singledispatch

from nexi_async.emulator._engine import response_schemas, validation
from nexi_async.emulator._engine.endpoints import ENDPOINTS, Endpoint, Parameter
from nexi_async.emulator._engine.fields import (
    INT32,
    AnyValue,
    Array,
    Boolean,
    Choice,
    EmptyAllowed,
    FieldType,
    Id,
    Instant,
    Integer,
    Number,
    Object,
    String,
)
from nexi_async.emulator._engine.idempotency import LONGEST_KEY
from nexi_async.emulator._engine.wire import Document

VERSION = "3.1.0"
_ID_PATTERN = "^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$"
_NAMES: Mapping[str, Object] = {
    "OrderItem": validation.ORDER_ITEM,
    "Order": validation.ORDER,
    "ChargedOrder": validation.CHARGED_ORDER,
    "Checkout": validation.CHECKOUT,
    "Consumer": validation.CONSUMER,
    "Address": validation.ADDRESS,
    "PhoneNumber": validation.PHONE,
    "ShippingCountry": validation.SHIPPING_COUNTRY,
    "Notifications": validation.NOTIFICATIONS,
    "WebHook": validation.HOOK,
}
_DESCRIPTIONS = {
    "400": "The request is invalid; the texts by the path of each member.",
    "401": "The secret key is missing or wrong.",
    "402": "The operation was refused, by a rule or by the card's issuer.",
    "404": "There is no such resource.",
    "409": "The state of the payment does not allow it, or a request with this idempotency key is in progress.",
    "429": "Too many requests.",
    "500": "An error of the platform.",
}


def document() -> Document:
    """The OpenAPI document."""
    paths: dict[str, Document] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    schemas = {name: _object(shape) for name, shape in _NAMES.items()}
    schemas |= {_body_name(each): _object(each.body) for each in ENDPOINTS if each.body is not None}
    return {
        "openapi": VERSION,
        "info": {
            "title": "Nexi Checkout, emulated",
            "version": "1",
            "description": "The Payment and the Reporting API as the emulator answers. Amounts are minor units.",
        },
        "servers": [{"url": "/"}],
        "security": [{"secretKey": []}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, **response_schemas.SCHEMAS},
            "securitySchemes": {"secretKey": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
    }


def _operation(endpoint: Endpoint) -> Document:
    operation: Document = {
        "operationId": endpoint.name,
        "tags": [_tag(endpoint)],
        "parameters": _parameters(endpoint),
        "responses": {str(endpoint.success): _success(endpoint)} | {code: _error(code) for code in _errors(endpoint)},
    }
    if endpoint.body is not None:
        content = {"application/json": {"schema": _reference(_body_name(endpoint))}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _tag(endpoint: Endpoint) -> str:
    return "reports" if endpoint.path.startswith("/report/") else endpoint.path.split("/")[2]


def _body_name(endpoint: Endpoint) -> str:
    return endpoint.name[0].upper() + endpoint.name[1:] + "Request"


def _parameters(endpoint: Endpoint) -> list[Document]:
    parameters = [_parameter(each, "query") for each in endpoint.query]
    if "{id}" in endpoint.path:
        parameters.insert(0, _parameter(Parameter("id", Id(), required=True), "path"))
    if endpoint.keyed or endpoint.needs_key:
        key = Parameter("Idempotency-Key", String(LONGEST_KEY, 1, forbidden=""), required=endpoint.needs_key)
        parameters.append(_parameter(key, "header"))
    return parameters


def _parameter(parameter: Parameter, place: str) -> Document:
    return {"name": parameter.name, "in": place, "required": parameter.required, "schema": schema(parameter.kind)}


def _success(endpoint: Endpoint) -> Document:
    if endpoint.response is None:
        return {"description": "It is done."}
    content: Document = _reference(endpoint.response.removesuffix("[]"))
    if endpoint.response.endswith("[]"):
        content = {"type": "array", "items": content}
    return {"description": "It is done.", "content": {"application/json": {"schema": content}}}


def _errors(endpoint: Endpoint) -> list[str]:
    """The statuses of errors that the emulator answers with."""
    codes = ["400", "401", "500"]
    if "{id}" in endpoint.path or "externalReference" in {each.name for each in endpoint.query}:
        codes.append("404")
    if endpoint.method != "GET" and endpoint.success != 202:
        codes += ["402", "409"]
    if endpoint.limited:
        codes.append("429")
    return sorted(codes)


def _error(code: str) -> Document:
    error: Document = {"description": _DESCRIPTIONS[code]}
    name = {"400": "ValidationErrors", "402": "Error", "409": "Error", "500": "Error"}.get(code)
    if name is not None:
        error["content"] = {"application/json": {"schema": _reference(name)}}
    if code == "429":
        error["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    return error


def _reference(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


@singledispatch
def schema(kind: FieldType) -> Document:
    """The JSON Schema of a field type."""
    raise TypeError(kind)


@schema.register
def _(kind: Object) -> Document:
    name = next((name for name, shape in _NAMES.items() if shape is kind), None)
    return _object(kind) if name is None else _reference(name)


@schema.register
def _(kind: String) -> Document:
    found: Document = {"type": "string", "maxLength": kind.maximum}
    if kind.minimum:
        found["minLength"] = kind.minimum
    if kind.pattern is not None or kind.forbidden:
        found["pattern"] = _pattern(kind)
    return found


@schema.register
def _(kind: Choice) -> Document:
    return {"type": "string", "enum": sorted(kind.choices)}


@schema.register
def _(kind: Integer) -> Document:
    found: Document = {"type": "integer", "format": "int32"}
    if kind.minimum != -INT32:
        found["minimum"] = kind.minimum
    if kind.maximum != INT32 - 1:
        found["maximum"] = kind.maximum
    return found


@schema.register
def _(_kind: Number) -> Document:
    return {"type": "number", "minimum": 0}


@schema.register
def _(_kind: Boolean) -> Document:
    return {"type": "boolean"}


@schema.register
def _(_kind: Instant) -> Document:
    return {"type": "string", "format": "date-time"}


@schema.register
def _(_kind: Id) -> Document:
    return {"type": "string", "pattern": _ID_PATTERN}


@schema.register
def _(kind: EmptyAllowed) -> Document:
    return schema(kind.kind)  # that it may be empty is a lenience for clients, nothing to build on


@schema.register
def _(_kind: AnyValue) -> Document:
    return {}


@schema.register
def _(kind: Array) -> Document:
    found: Document = {"type": "array", "items": schema(kind.kind)}
    if kind.minimum:
        found["minItems"] = kind.minimum
    if kind.maximum is not None:
        found["maxItems"] = kind.maximum
    return found


def _object(shape: Object) -> Document:
    found: Document = {"type": "object", "properties": {name: schema(kind) for name, kind in shape.members.values()}}
    for name, value in shape.defaults.items():
        found["properties"][name]["default"] = value
    return found | ({"required": list(shape.required)} if shape.required else {})


def _pattern(kind: String) -> str:
    """One pattern for the whole text, in the dialect of ECMA 262."""
    refused = "".join(_escaped(character) for character in kind.forbidden)
    if kind.pattern is None:
        return f"^[^{refused}]*$"
    text = kind.pattern.pattern
    if kind.pattern.flags & re.DOTALL:
        text = text.replace(".", r"[\s\S]")
    if kind.pattern.flags & re.IGNORECASE:
        text = re.sub("[a-z]+(?=[?]?:)", _any_case, text)
    return f"^(?![\\s\\S]*[{refused}])(?:{text})$" if refused else f"^(?:{text})$"


def _any_case(found: "re.Match[str]") -> str:
    return "".join(f"[{letter}{letter.upper()}]" for letter in found[0])


def _escaped(character: str) -> str:
    """A character as it stands in a character class."""
    controls = {"\r": r"\r", "\n": r"\n", "\0": r"\0"}
    return controls.get(character, f"\\{character}" if character in "\\]^-" else character)
