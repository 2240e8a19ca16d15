"""One pass over the headers finds what a receiver needs, and nothing twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async.webhooks._proxies import FORWARDING
from nexi_async.webhooks._request_headers import RequestHeaders, read_headers

NAMES = st.sampled_from([b"authorization", b"content-length", b"host", b"accept", *sorted(FORWARDING)])


def test_each_header_is_found_wherever_it_stands() -> None:
    """Between others that are of no interest; those that may contain an address in their order."""
    headers = [
        (b"host", b"shop.example"),
        (b"x-real-ip", b"192.0.2.1"),
        (b"content-length", b"632"),
        (b"authorization", b"secret-value"),
        (b"x-forwarded-for", b"192.0.2.2"),
        (b"accept", b"*/*"),
    ]
    forwarding = [(b"x-real-ip", b"192.0.2.1"), (b"x-forwarded-for", b"192.0.2.2")]
    assert read_headers(headers) == RequestHeaders(b"secret-value", 632, forwarding)


def test_two_authorizations_are_none() -> None:
    """Even if both are the same: there is no way to know which one a proxy has checked."""
    assert read_headers([(b"authorization", b"secret-value")] * 2).authorization is None


@pytest.mark.parametrize("value", [b"", b"-1", b"1.5", "²".encode("latin-1"), b"0x20", b" 7"])
def test_a_length_that_can_not_be_read_announces_nothing(value: bytes) -> None:
    """The body is counted as it comes."""
    assert read_headers([(b"content-length", value)]).content_length == 0


@given(st.lists(st.tuples(NAMES, st.binary(max_size=8))))
def test_no_header_is_missed(headers: list[tuple[bytes, bytes]]) -> None:
    """All that may contain an address are kept, and one authorization is found among any headers."""
    found = read_headers(headers)
    assert list(found.forwarding) == [header for header in headers if header[0] in FORWARDING]
    values = [value for name, value in headers if name == b"authorization"]
    assert found.authorization == (values[0] if len(values) == 1 else None)
