"""The forms that pages send."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request

Form = Mapping[str, str]


async def read_form(request: Request) -> Form:
    """The form of a request; an empty field is kept as an empty text, as one that is missing counts as its default."""
    body = (await request.body()).decode(errors="replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}


def read_money(text: str) -> int:
    """Minor units of an amount in major ones, with at most two decimals.

    Raises:
        ValueError: It is no such amount.
    """
    whole, _, part = text.strip().replace(",", "").partition(".")
    if not (whole + part).isdecimal() or not whole.isascii() or not part.isascii() or len(part) > 2 or len(whole) > 9:
        msg = f"{text!r} is no amount such as 125.00"
        raise ValueError(msg)
    return int(whole or 0) * 100 + int(part.ljust(2, "0"))
