"""Tests of nexi_async._transport.http1: bytes in, values out."""

from __future__ import annotations

import gc
import itertools
import string
import weakref

import attrs
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._transport import http1
from nexi_async._transport.http1 import MalformedResponse, ResponseParser, header_lines, request_head


@attrs.frozen(kw_only=True)
class Sample:
    """An answer as it travels, and what it says."""

    wire: bytes
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    keep_alive: bool
    ends_with_close: bool


TOKENS = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12).map("X-{}".format)
VALUES = st.text([chr(code) for code in range(0x21, 0x7F)], max_size=20) | st.just("two words")
HEADERS = st.lists(st.tuples(TOKENS, VALUES), max_size=5)
INTERIM = st.lists(
    st.sampled_from(
        [
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
            b"HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n",
        ]
    ),
    max_size=3,
)
ENDINGS = st.sampled_from(["length", "chunked", "close"])


def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """The body in chunks, with all that may stand around them."""
    cuts = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=4))})
    sizes = "{:x}" if draw(st.booleans()) else "{:04X};name=value"
    pieces = [body[start:end] for start, end in itertools.pairwise(cuts)]
    trailer = b"X-Trailer: late\r\n" if draw(st.booleans()) else b""
    chunks = [sizes.format(len(piece)).encode() + b"\r\n" + piece + b"\r\n" for piece in pieces]
    return b"".join(chunks) + b"0\r\n" + trailer + b"\r\n"


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Valid answers of every framing."""
    version = draw(st.sampled_from(["1.0", "1.1"]))
    status = draw(st.integers(200, 599))
    given = [(name.encode(), value.encode()) for name, value in draw(HEADERS)]
    connection = draw(st.sampled_from([None, b"close", b"keep-alive"]))
    if connection is not None:
        given.append((b"Connection", connection))
    body = draw(st.binary(max_size=200))
    ending = "none" if status in (204, 304) else draw(ENDINGS)
    if ending == "none":
        wire_body = body = b""
    elif ending == "length":
        given.append((b"content-length", str(len(body)).encode()))
        wire_body = body
    elif ending == "chunked":
        given.append((b"Transfer-Encoding", b"chunked"))
        wire_body = chunked(draw, body)
    else:
        wire_body = body
    head = f"HTTP/{version} {status} {draw(st.sampled_from(['OK', 'Not Found', '']))}\r\n".encode()
    head += b"".join(name + b": " + value + b"\r\n" for name, value in given) + b"\r\n"
    agreed = connection != b"close" if version == "1.1" else connection == b"keep-alive"
    return Sample(
        wire=b"".join(draw(INTERIM)) + head + wire_body,
        status=status,
        headers=given,
        body=body,
        keep_alive=agreed and ending != "close",
        ends_with_close=ending == "close",
    )


def pieces_of(wire: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes, cut there."""
    places = sorted({0, len(wire), *(cut % (len(wire) + 1) for cut in cuts)})
    return [wire[start:end] for start, end in itertools.pairwise(places)]


def read(*pieces: bytes, head_only: bool = False) -> ResponseParser:
    """A reader that was fed the pieces."""
    reader = ResponseParser()
    reader.begin(head_only=head_only)
    for piece in pieces:
        reader.feed(piece)
    return reader


def flood(reader: ResponseParser, piece: bytes) -> tuple[str, int]:
    """Feed the piece again and again until that is refused: with which words, and after how many bytes."""
    for count in range(100_000):
        try:
            reader.feed(piece)
        except MalformedResponse as bad:
            return str(bad), count * len(piece)
    raise AssertionError("it was never refused")


def says(reader: ResponseParser, sample: Sample) -> bool:
    """Whether the reader found just what the sample says."""
    return (reader.status, reader.headers, reader.body, reader.keep_alive, reader.is_complete, reader.is_clean) == (
        sample.status,
        sample.headers,
        sample.body,
        sample.keep_alive,
        True,
        sample.keep_alive,
    )


# --- valid answers ----------------------------------------------------------------------------------------------------


@given(samples(), st.lists(st.integers(0, 10_000), max_size=8))
def test_any_split_reads_the_same(sample: Sample, cuts: list[int]) -> None:
    """However the network cuts an answer, it says the same."""
    end = [b""] if sample.ends_with_close else []
    assert says(read(*pieces_of(sample.wire, cuts), *end), sample)


@given(samples())
def test_byte_by_byte(sample: Sample) -> None:
    """An answer may trickle in."""
    end = [b""] if sample.ends_with_close else []
    assert says(read(*(bytes([byte]) for byte in sample.wire), *end), sample)


@given(samples(), st.integers(0, 10_000))
def test_cut_off_is_no_answer(sample: Sample, place: int) -> None:
    """Whatever tells its own length is all there or not an answer."""
    cut = sample.wire[: 1 + place % (len(sample.wire) - 1)]
    reader = read(cut)
    if sample.ends_with_close and reader.status >= 200:
        return
    assert not reader.is_complete
    with pytest.raises(MalformedResponse, match="closed"):
        reader.feed(b"")


@given(samples(), st.binary(min_size=1, max_size=50).filter(lambda more: more.strip(b"\r\n")))
def test_surplus_is_not_clean(sample: Sample, surplus: bytes) -> None:
    """A connection with surplus bytes is not reused."""
    reader = read(sample.wire + surplus, *([b""] if sample.ends_with_close else []))
    assert reader.is_complete
    assert not reader.is_clean
    assert sample.ends_with_close or (reader.status, reader.body) == (sample.status, sample.body)


@given(samples(), samples())
def test_second_answer_changes_nothing(first: Sample, second: Sample) -> None:
    """Two answers in one piece are the first one, on a connection that is not used again."""
    if first.ends_with_close:
        return
    reader = read(first.wire + second.wire)
    assert (reader.status, reader.headers, reader.body) == (first.status, first.headers, first.body)
    assert not reader.is_clean


@given(st.lists(samples(), min_size=2, max_size=4), st.lists(st.integers(0, 10_000), max_size=3))
def test_one_answer_after_the_other(answers: list[Sample], cuts: list[int]) -> None:
    """What a clean answer leaves behind has no effect on how the next is read."""
    reader = ResponseParser()
    for sample in answers:
        reader.begin()
        for piece in pieces_of(sample.wire, cuts) + ([b""] if sample.ends_with_close else []):
            reader.feed(piece)
        assert says(reader, sample)
        if not reader.is_clean:
            break


@given(st.binary(min_size=1, max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_garbage_is_refused_or_read(garbage: bytes, cuts: list[int]) -> None:
    """Nothing that a server may say raises anything but `MalformedResponse` or counts as a complete response."""
    reader = ResponseParser()
    try:
        for piece in pieces_of(garbage, cuts):
            reader.feed(piece)
        reader.feed(b"")
    except MalformedResponse:
        assert not reader.is_complete
    else:
        assert garbage.lstrip(b"\r\n").startswith(b"HTTP/")


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("claim", [b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_statuses_without_a_body(status: int, claim: bytes) -> None:
    """204 and 304 end with their head, whatever it claims."""
    reader = read(b"HTTP/1.1 %d X\r\n%s\r\n" % (status, claim))
    assert (reader.status, reader.body, reader.is_clean) == (status, b"", True)


@pytest.mark.parametrize("framing", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""])
def test_head_has_no_body(framing: bytes) -> None:
    """The answer to HEAD ends with its head; its connection is not used again."""
    reader = read(b"HTTP/1.1 200 OK\r\n%s\r\n" % framing, head_only=True)
    assert (reader.status, reader.body, reader.is_complete, reader.is_clean) == (200, b"", True, False)


def test_until_close() -> None:
    """Without a length the body ends with the connection, and not before."""
    reader = read(b"HTTP/1.1 200 OK\r\n\r\nab", b"cd")
    assert not reader.is_complete
    reader.feed(b"")
    assert (reader.body, reader.is_complete, reader.is_clean) == (b"abcd", True, False)


def test_interim_answers_leave_nothing_behind() -> None:
    """What a 103 said is not the answer's."""
    reader = read(b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert (reader.status, reader.headers) == (200, [(b"Content-Length", b"0")])


def test_interim_answer_is_no_answer() -> None:
    """After a 100 the answer is still to come."""
    reader = read(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert not reader.is_complete
    with pytest.raises(MalformedResponse, match="closed before the response was complete"):
        reader.feed(b"")


def test_silence_is_no_answer() -> None:
    """A server that hangs up has not answered."""
    with pytest.raises(MalformedResponse, match="closed without a response"):
        read(b"")


def test_trailers_are_not_headers() -> None:
    """What follows a body does not change how it is read."""
    trailer = b"Content-Encoding: gzip\r\nRetry-After: 9\r\n"
    reader = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + trailer + b"\r\n")
    assert reader.is_clean
    assert reader.headers == [(b"Transfer-Encoding", b"chunked")]


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wire",
    [
        b"what?\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"\x00" * 100,
    ],
)
def test_what_is_not_an_answer(wire: bytes) -> None:
    """Ambiguous lengths are refused like plain nonsense."""
    with pytest.raises(MalformedResponse):
        read(wire)


def test_a_hundred_thousand_headers() -> None:
    """A server can't fill the memory with headers."""
    reader = ResponseParser()
    reader.feed(b"HTTP/1.1 200 OK\r\n")
    assert flood(reader, b"X: y\r\n" * 100) == ("more than 256 headers", 1200)
    assert len(reader.headers) <= http1.MAX_HEADERS + 1


def test_one_endless_header() -> None:
    """Nor with one that never ends."""
    reader = ResponseParser()
    reader.feed(b"HTTP/1.1 200 OK\r\nX: ")
    assert flood(reader, b"y" * 1000) == ("more than 65536 bytes of headers", 65_000)


def test_endless_interim_answers() -> None:
    """Nor by never coming to the point."""
    complaint, fed = flood(ResponseParser(), b"HTTP/1.1 100 Continue\r\n\r\n")
    assert complaint == "more than 65536 bytes of headers"
    assert fed <= http1.MAX_HEAD


def test_most_headers() -> None:
    """Exactly the limit is read."""
    lines = b"X: y\r\n" * (http1.MAX_HEADERS - 1) + b"Content-Length: 0\r\n"
    assert len(read(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n").headers) == http1.MAX_HEADERS
    with pytest.raises(MalformedResponse):
        read(b"HTTP/1.1 200 OK\r\nZ: z\r\n" + lines + b"\r\n")


@pytest.mark.parametrize(
    ("framing", "piece"),
    [
        (b"", b"x" * 1000),
        (b"Content-Length: 99999999\r\n", b"x" * 1000),
        (b"Transfer-Encoding: chunked\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"1;" + b"x" * 1000 + b"\r\nx\r\n"),
    ],
    ids=["until close", "length", "chunks", "chunk extensions"],
)
def test_endless_body(monkeypatch: pytest.MonkeyPatch, framing: bytes, piece: bytes) -> None:
    """A body has a limit, with all that stands around it."""
    monkeypatch.setattr(http1, "MAX_BODY", 50_000)
    reader = read(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n")
    complaint, fed = flood(reader, piece)
    assert complaint == "a body of more than 50000 bytes"
    assert 48_000 < fed <= 50_000


def test_endless_trailers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trailers count like a body."""
    monkeypatch.setattr(http1, "MAX_BODY", 50_000)
    reader = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ")
    complaint, _ = flood(reader, b"x" * 1000)
    assert complaint == "a body of more than 50000 bytes"


# --- requests ---------------------------------------------------------------------------------------------------------


def test_request_head() -> None:
    """A request line, the headers, an empty line."""
    head = request_head("POST", "/v1/payments?a=b", [("Host", "api.test"), ("Content-Length", "2")])
    assert head == b"POST /v1/payments?a=b HTTP/1.1\r\nHost: api.test\r\nContent-Length: 2\r\n\r\n"


def test_lines_that_all_requests_have() -> None:
    """They follow the headers of the request, and were looked at once."""
    head = request_head("GET", "/", [("Host", "api.test")], lines=header_lines([("A", "b"), ("C", "d")]))
    assert head == b"GET / HTTP/1.1\r\nHost: api.test\r\nA: b\r\nC: d\r\n\r\n"
    with pytest.raises(httpx.LocalProtocolError):
        header_lines([("A", "b\r\nX: y")])


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [
        ("GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "/", ("A", "b")),
        ("PÖST", "/", ("A", "b")),
        ("ПОСТ", "/", ("A", "b")),
        ("", "/", ("A", "b")),
        ("GET", "/a b", ("A", "b")),
        ("GET", "/a\r\nX: y", ("A", "b")),
        ("GET", "", ("A", "b")),
        ("GET", "/", ("A\r\nX", "b")),
        ("GET", "/", ("A b", "b")),
        ("GET", "/", ("", "b")),
        ("GET", "/", ("A", "b\r\nX: y")),
        ("GET", "/", ("A", "b\nX: y")),
        ("GET", "/", ("A", "b\0")),
        ("GET", "/", ("A", "snowman \N{SNOWMAN}")),
    ],
)
def test_what_would_not_travel(method: str, target: str, header: tuple[str, str]) -> None:
    """What would become another request is refused before a byte is sent, and not repeated: it may be a secret."""
    with pytest.raises(httpx.LocalProtocolError) as caught:
        request_head(method, target, [header])
    assert header[1] not in str(caught.value) or header[1] == "b"


def test_header_values_of_latin_1() -> None:
    """What fits into a byte per character travels as it is."""
    assert request_head("GET", "/", [("A", "bl\xe5 b\xe6r\t")]) == b"GET / HTTP/1.1\r\nA: bl\xe5 b\xe6r\t\r\n\r\n"


def test_a_closed_reader_leaves_nothing_to_the_garbage_collector() -> None:
    """Reader and parser hold each other only while the connection is open, so both are freed without a collection."""
    reader = ResponseParser()
    gone = weakref.ref(reader)
    gc.disable()
    try:
        reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert reader.is_clean
        reader.close()
        del reader
        assert gone() is None
    finally:
        gc.enable()
