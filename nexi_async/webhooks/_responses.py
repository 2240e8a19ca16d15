"""The responses to deliveries. Nexi takes 200 alone for success and sends everything else again."""

from __future__ import annotations

from functools import partial

from starlette.responses import PlainTextResponse, Response


class Refused(Exception):
    """The delivery is not accepted; carries the response."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


# a new one for each delivery, since servers and middleware may add headers to it
handled = partial(PlainTextResponse, "handled")
not_an_event = partial(PlainTextResponse, "not an event", 400)
no_payment_id = partial(PlainTextResponse, "no payment id to look up the authorization by", 400)
unauthorized = partial(PlainTextResponse, "not authorized", 401)
not_allowed = partial(PlainTextResponse, "not an address of Nexi's", 403)
not_post = partial(PlainTextResponse, "send events with POST", 405, {"allow": "POST"})
too_slow = partial(PlainTextResponse, "too slow", 408)
too_large = partial(PlainTextResponse, "too large", 413)
not_handled = partial(PlainTextResponse, "not handled, please send it again", 500)
