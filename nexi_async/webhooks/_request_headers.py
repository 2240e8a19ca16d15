"""The headers of a request that a receiver looks at, found in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nexi_async.webhooks._proxies import FORWARDING, Headers


class RequestHeaders(NamedTuple):
    """What matters of the headers.

    Attributes:
        authorization: as it came, if it came once.
        content_length: the length of the body that the sender announces, 0 if it can't be read; what comes is counted
            anyway.
        forwarding: all that may contain the sender's address.
    """

    authorization: bytes | None
    content_length: int
    forwarding: Sequence[tuple[bytes, bytes]]


def read_headers(headers: Headers) -> RequestHeaders:
    """Pick them out of all headers, as ASGI has them: names in lower case."""
    authorizations: list[bytes] = []
    forwarding: list[tuple[bytes, bytes]] = []
    content_length = 0
    for header in headers:
        name, value = header
        if name in FORWARDING:
            forwarding.append(header)
        elif name == b"authorization":
            authorizations.append(value)
        elif name == b"content-length" and value[:20].isdigit():
            content_length = int(value[:20])
    return RequestHeaders(authorizations[0] if len(authorizations) == 1 else None, content_length, forwarding)
