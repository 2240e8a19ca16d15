"""What a delivery is answered: the few responses there are, made once."""

from __future__ import annotations

import attrs
from starlette.types import Message, Send

__all__ = [
    "FOREIGN",
    "HANDLED",
    "NOT_AN_EVENT",
    "NOT_HANDLED",
    "NOT_POST",
    "TOO_LARGE",
    "TOO_SLOW",
    "UNAUTHORIZED",
    "Refused",
    "Response",
]


@attrs.frozen
class Response:
    """An HTTP status and a few words for whoever looks at the wire."""

    status: int
    start: Message
    body: Message

    @classmethod
    def of(cls, status: int, text: str, *headers: tuple[bytes, bytes]) -> Response:
        """A response in plain text."""
        body = text.encode("ascii")
        length, kind = str(len(body)).encode("ascii"), b"text/plain; charset=utf-8"
        own = [(b"content-length", length), (b"content-type", kind), *headers]
        return cls(
            status,
            {"type": "http.response.start", "status": status, "headers": own},
            {"type": "http.response.body", "body": body},
        )

    async def __call__(self, send: Send) -> None:
        """Send it."""
        # servers and middleware may add headers to what they get
        await send({**self.start, "headers": list(self.start["headers"])})
        await send(dict(self.body))


class Refused(Exception):
    """The delivery is not accepted; carries what it is answered."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


HANDLED = Response.of(200, "handled")
NOT_POST = Response.of(405, "send events with POST", (b"allow", b"POST"))
FOREIGN = Response.of(403, "not an address of Nexi's")
UNAUTHORIZED = Response.of(401, "not authorized")
TOO_LARGE = Response.of(413, "too large")
TOO_SLOW = Response.of(408, "too slow")
NOT_AN_EVENT = Response.of(400, "not an event")
NOT_HANDLED = Response.of(500, "not handled, please send it again")
