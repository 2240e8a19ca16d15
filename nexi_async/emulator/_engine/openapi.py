"""The emulated API as an OpenAPI document, made of the tables that route requests and validate bodies.

It follows the OpenAPI Specification 3.1.0 (https://spec.openapis.org/oas/v3.1.0), whose schemas are JSON Schema
2020-12. Rules between members (sums, one of two ids) are no part of it: they are refused with 400 all the same.
"""

from nexi_async.emulator._engine import response_schemas
from nexi_async.emulator._engine.endpoints import ENDPOINTS, Endpoint, Parameter
from nexi_async.emulator._engine.fields import Id, String, reference
from nexi_async.emulator._engine.idempotency import LONGEST_KEY
from nexi_async.emulator._engine.wire import Document

VERSION = "3.1.0"
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
    paths: dict[str, Document] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    schemas: dict[str, Document] = {}
    for endpoint in ENDPOINTS:
        if endpoint.body is not None:
            schemas[_body_name(endpoint)] = endpoint.body.own_schema(schemas)
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
        content = {"application/json": {"schema": reference(_body_name(endpoint))}}
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
    return {"name": parameter.name, "in": place, "required": parameter.required, "schema": parameter.kind.schema({})}


def _success(endpoint: Endpoint) -> Document:
    if endpoint.response is None:
        return {"description": "It is done."}
    content: Document = reference(endpoint.response.removesuffix("[]"))
    if endpoint.response.endswith("[]"):
        content = {"type": "array", "items": content}
    return {"description": "It is done.", "content": {"application/json": {"schema": content}}}


def _errors(endpoint: Endpoint) -> list[str]:
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
        error["content"] = {"application/json": {"schema": reference(name)}}
    if code == "429":
        error["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    return error
