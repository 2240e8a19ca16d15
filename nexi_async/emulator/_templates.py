"""The templates of all pages, which are compiled once a process."""

from functools import cache
from typing import Any

import jinja2
import orjson

from nexi_async.emulator._engine import timestamps
from nexi_async.emulator._request_log import without_secrets


@cache
def templates() -> jinja2.Environment:
    """The templates, for any number of emulators."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nexi_async.emulator"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"money": money, "time": _time, "json": _json}
    return environment


def money(amount: int) -> str:
    """An amount of minor units in major ones."""
    whole, part = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{whole:,}.{part:02d}"


def _time(at: float) -> str:
    return timestamps.render(at)[:19].replace("T", " ")


def _json(document: Any) -> str:
    return orjson.dumps(without_secrets(document), option=orjson.OPT_INDENT_2).decode()
