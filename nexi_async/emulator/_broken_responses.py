"""Responses that break off: the ASGI side of the faults `lose_response` and `cut`."""

from collections.abc import Callable

import httpx
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

# The server puts a function here that breaks the connection of a request; without one, in process, an
# httpx.ReadError stands for the broken connection.
BREAK_CONNECTION = "nexi_async.break_connection"


class BrokenResponse(Response):
    """A response that breaks off inside its body; without a number of bytes, nothing of it arrives."""

    def __init__(self, whole: Response, after_bytes: int | None = None) -> None:
        super().__init__(whole.body, whole.status_code, dict(whole.headers))
        self._after_bytes = after_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._after_bytes is not None:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            part = bytes(self.body)[: self._after_bytes]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        break_connection: Callable[[], None] | None = scope.get("extensions", {}).get(BREAK_CONNECTION)
        if break_connection is None:
            msg = "the emulator broke the connection"
            raise httpx.ReadError(msg)
        break_connection()
        while (await receive())["type"] != "http.disconnect":
            pass
