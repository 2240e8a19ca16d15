"""What a delivery is answered: the few answers there are, made once."""

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
    "Answer",
    "Refused",
]


@attrs.frozen
class Answer:
    """An HTTP status and a few words for whoever looks at the wire."""

    status: int
    start: Message
    body: Message

    @classmethod
    def of(cls, status: int, text: str, *headers: tuple[bytes, bytes]) -> Answer:
        """An answer in plain text."""
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

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


HANDLED = Answer.of(200, "handled")
NOT_POST = Answer.of(405, "send events with POST", (b"allow", b"POST"))
FOREIGN = Answer.of(403, "not an address of Nexi's")
UNAUTHORIZED = Answer.of(401, "not authorized")
TOO_LARGE = Answer.of(413, "too large")
TOO_SLOW = Answer.of(408, "too slow")
NOT_AN_EVENT = Answer.of(400, "not an event")
NOT_HANDLED = Answer.of(500, "not handled, please send it again")
