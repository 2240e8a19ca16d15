"""The merchant's configured payment methods."""

from nexi_async.emulator._engine.context import APIRequest, Context
from nexi_async.emulator._engine.methods import currencies_of, methods_of
from nexi_async.emulator._engine.responses import APIResponse, invalid


def find(context: Context, request: APIRequest) -> APIResponse:
    """`GET /v1/paymentmethods`: a bare array, filtered by `Currency` and `Enabled`."""
    currency = request.query.get("currency")
    wanted = request.query.get("enabled", "").lower()
    if wanted not in ("", "true", "false"):
        raise invalid({"Enabled": ["Must be true or false"]})
    disabled = context.settings.disabled_methods
    entries = [
        {"name": method.name, "paymentType": method.type, "currency": code, "enabled": method.name not in disabled}
        for method in methods_of(context.settings).values()
        for code in currencies_of(method)
        if currency in (None, code)
    ]
    return APIResponse(200, [entry for entry in entries if wanted in ("", str(entry["enabled"]).lower())])
