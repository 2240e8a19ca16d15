"""HTTP/1.1 as bytes and values: a request's head, and the reader of the responses of one connection. No sockets."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import httptools
import httpx

MAX_HEAD: Final = 65_536
"""Bytes of status line and headers."""
MAX_HEADERS: Final = 256
MAX_BODY: Final = 67_108_864
"""Bytes of a response with all that frames its body; the largest pages of a bulk run stay far below."""

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_LINES: Final = re.compile(rf"(?:{_WORD}: [\t -~\x80-\xff]*+\r\n)*+")
"""Headers and nothing that could be read as a request; HTTP has them in Latin-1."""
_REQUEST_LINE: Final = re.compile(rf"{_WORD} [!-~]++ HTTP/1\.1\r\n")

_BODILESS: Final = frozenset({204, 304})


class MalformedResponse(Exception):
    """What came is no response, is cut off, or is larger than allowed."""


def request_head(method: str, target: str, headers: Collection[tuple[str, str]], *, lines: bytes = b"") -> bytes:
    """The request line and headers, as they travel; `lines` are further headers, from `header_lines`.

    Raises:
        httpx.LocalProtocolError: a line break or another character that does not belong there.
    """
    line = f"{method} {target} HTTP/1.1\r\n"
    if not _REQUEST_LINE.fullmatch(line):
        raise httpx.LocalProtocolError("the method or the address has a character that HTTP does not allow")
    return b"%b%b%b\r\n" % (line.encode("ascii"), header_lines(headers), lines)


def header_lines(headers: Collection[tuple[str, str]]) -> bytes:
    """Headers as they travel; errors as those of `request_head`."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if lines.count("\n") != len(headers) or not _LINES.fullmatch(lines):
        raise httpx.LocalProtocolError("a header has a character that HTTP does not allow")
    return lines.encode("latin-1")


class ResponseParser:
    """Reads the responses of one connection, one after the other, from whatever pieces they come in.

    Interim responses (100, 103) are skipped. `is_complete` says that the whole response was read; `is_clean`, that the
    connection can serve another request: keep-alive was agreed on and nothing but line breaks came after the response.
    Only then may the next response `begin`, at which moment this one is gone. Trailers are skipped: what comes after a
    body must not change how it is read.
    """

    def __init__(self) -> None:
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.begin()

    def close(self) -> None:
        """Read nothing more; parser and reader refer to each other, which only the garbage collector would undo."""
        self._parser = None

    def begin(self, *, head_only: bool = False) -> None:
        """Expect the next response; one to HEAD has no body, whatever its head says."""
        self._head_only = head_only
        self._fed = 0
        self._surplus = False
        self.is_complete = False
        self.keep_alive = False
        self._begin()

    def _begin(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._in_head = True

    @property
    def is_clean(self) -> bool:
        """Whether the connection may serve another request."""
        return self.is_complete and self.keep_alive and not self._surplus

    @property
    def body(self) -> bytes:
        """The body as it came, unchunked."""
        return self._body[0] if len(self._body) == 1 else b"".join(self._body)

    def feed(self, data: bytes) -> None:
        """Take the next bytes; none means that the server has closed its side.

        Raises:
            MalformedResponse: they are no response, too much of one, or not all of it.
        """
        if not data:
            self._end()
            return
        parser = None if self.is_complete else self._parser
        if parser is None:
            self._surplus = True
            return
        self._fed += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.is_complete:
                raise MalformedResponse(f"not an HTTP response: {type(error).__name__}") from None
            self._surplus = True
        self._check_size()

    def _check_size(self) -> None:
        if self._in_head and not self.is_complete and self._fed > MAX_HEAD:
            raise MalformedResponse(f"more than {MAX_HEAD} bytes of headers")
        if len(self.headers) > MAX_HEADERS:
            raise MalformedResponse(f"more than {MAX_HEADERS} headers")
        if self._fed > MAX_BODY:
            raise MalformedResponse(f"a body of more than {MAX_BODY} bytes")

    @property
    def _is_framed(self) -> bool:
        """Whether the response itself says where its body ends; else the end of the connection does."""
        names = {name.lower() for name, _ in self.headers}
        return b"content-length" in names or b"transfer-encoding" in names or self.status in _BODILESS

    def _end(self) -> None:
        if not self._in_head and not self._is_framed:
            self.is_complete = True
        if not self.is_complete:
            raise MalformedResponse(
                "closed before the response was complete" if self._fed else "closed without a response"
            )

    # --- what the parser calls ---

    def on_message_begin(self) -> None:
        """Whatever begins after the response is not asked for."""
        self._surplus = self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header more, or trailer."""
        if self._in_head and len(self.headers) <= MAX_HEADERS:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is read; an interim response has nothing else."""
        if self.is_complete or self._parser is None:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:
            return
        self._in_head = False
        self.keep_alive = self._parser.should_keep_alive()
        if self._head_only:
            self.is_complete, self.keep_alive = True, False

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if not self.is_complete:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """The end of the response, or of an interim one."""
        if self.is_complete:
            return
        if self.status < 200:
            self._begin()
        else:
            self.is_complete = True
