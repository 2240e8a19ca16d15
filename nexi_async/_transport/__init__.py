"""The transport: sending a request of the API, retrying it where that is safe, and classifying what comes back.

Theory of operation. A `Request` is a value: a retry sends the same bytes with the same idempotency key. `Session`
(`session.py`) turns it into an `HTTPRequest`, sends it through the transport seam (`http_transport.py`), and decides
with `retry.py` whether to retry. GET and PUT are idempotent (RFC 9110, section 9.2.2); a POST is retried only if it
carries an idempotency key or surely was not received. A `Retry-After` (section 10.2.3) holds back all requests with
the same secret key (`shared_backoff.py`). `api_errors.py` maps an error response to an error and to the `Outcome`
that it proves.

Below the seam there are three transports: `checkout_transport.py` (the default: `pool.py` over one connection class for
asyncio and one for trio, with the HTTP/1.1 parser of `http1.py`), `httpx_adapter.py` (any transport of httpx) and
`proxied_transport.py` (a proxy, by transports of httpx). All keep one property: `ConnectError`, `ConnectTimeout` and
`PoolTimeout` mean that no byte of the request was sent.

Sources: HTTP semantics https://www.rfc-editor.org/rfc/rfc9110, HTTP/1.1 https://www.rfc-editor.org/rfc/rfc9112, racing
of addresses https://www.rfc-editor.org/rfc/rfc8305, idempotency keys and errors of the API
https://developer.nexigroup.com/nexi-checkout/en-EU/api/.
"""
