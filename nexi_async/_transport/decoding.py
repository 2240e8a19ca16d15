"""Compressed bodies: they were not asked for, and are expanded within the limit of any other body, or left alone.

Every request says `Accept-Encoding: identity`. A server or proxy that compresses all the same is understood if it uses
gzip or deflate. What expands beyond the limit, breaks off, or comes in another coding stays as it came: the
status counts whatever became of the body, so that a 2xx is reported as accepted with a body that can't be read.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from anyio.lowlevel import cancel_shielded_checkpoint

from nexi_async._transport.http1 import MAX_BODY

CHUNK: Final = 1_048_576
"""Bytes that are expanded at once; in between other tasks can run, but no cancellation takes effect."""

_ZLIB, _RAW, _GZIP = zlib.MAX_WBITS, -zlib.MAX_WBITS, zlib.MAX_WBITS | 16
_FORMATS: Final = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (_ZLIB, _RAW)}
"""By coding, the formats it may mean: many servers send `deflate` without the frame that the standard wants.

https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
"""


async def decoded(body: bytes, headers: Iterable[tuple[str, str]]) -> bytes:
    """The body without its coding; as it came if that can't be undone within the limit of bodies."""
    codings = ",".join(value for name, value in headers if name == "content-encoding")
    for form in _FORMATS.get(codings.strip().lower(), ()):
        expanded = await _expanded(body, form, MAX_BODY)
        if expanded is not None:
            return expanded
    return body


async def _expanded(body: bytes, form: int, limit: int) -> bytes | None:
    """All of the body, or None if it is broken, cut off, followed by something else or too large."""
    expander = zlib.decompressobj(form)
    whole = bytearray()
    try:
        while not expander.eof and len(whole) <= limit:
            piece = expander.decompress(body, min(CHUNK, limit + 1 - len(whole)))
            if not piece and not expander.unconsumed_tail and not expander.eof:
                return None
            whole += piece
            body = expander.unconsumed_tail
            await cancel_shielded_checkpoint()
    except zlib.error:
        return None
    return bytes(whole) if expander.eof and not expander.unused_data and len(whole) <= limit else None
