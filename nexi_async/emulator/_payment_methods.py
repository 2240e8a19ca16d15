"""The merchant's configured payment methods."""

from nexi_async.emulator._context import Call, Moment
from nexi_async.emulator._methods import currencies_of, methods_of
from nexi_async.emulator._responses import Answer, invalid


def find(moment: Moment, call: Call) -> Answer:
    """`GET /v1/paymentmethods`: a bare array, filtered by `Currency` and `Enabled`."""
    currency = call.query.get("currency")
    wanted = call.query.get("enabled", "").lower()
    if wanted not in ("", "true", "false"):
        raise invalid({"Enabled": ["Must be true or false"]})
    disabled = moment.settings.disabled_methods
    entries = [
        {"name": method.name, "paymentType": method.type, "currency": code, "enabled": method.name not in disabled}
        for method in methods_of(moment.settings).values()
        for code in currencies_of(method)
        if currency in (None, code)
    ]
    return Answer(200, [entry for entry in entries if wanted in ("", str(entry["enabled"]).lower())])
