"""A sender behind proxies is found, and can't be forged."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async.webhooks._proxies import Headers, is_rewritten, read_address, sender
from nexi_async.webhooks._source_address import trusted_networks

PROXIES = trusted_networks(["10.0.0.0/8", "2001:db8:1::/48"])
NEXI = "20.31.57.61"
OTHER = "203.0.113.9"


def found(*headers: tuple[bytes, bytes], peer: str = "10.0.0.1") -> str | None:
    """Who sent a request with these headers."""
    address = sender((peer, 4711), headers, PROXIES)
    return None if address is None else str(address)


def chain(*values: bytes) -> Headers:
    """A header `X-Forwarded-For` for each value."""
    return [(b"x-forwarded-for", value) for value in values]


def test_the_peer_is_the_sender() -> None:
    """Headers from anything but a proxy are ignored."""
    assert found(peer=OTHER) == OTHER
    assert found(*chain(NEXI.encode()), (b"forwarded", b"for=20.31.57.61"), peer=OTHER) == OTHER
    assert found(*chain(NEXI.encode()), peer="unix:") is None


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ([b"20.31.57.61"], NEXI),
        ([b"20.31.57.61, 10.1.2.3"], NEXI),
        ([b" 20.31.57.61 ,10.1.2.3 ,10.0.0.9"], NEXI),
        ([b"203.0.113.9, 20.31.57.61"], NEXI),
        ([b"20.31.57.61, 203.0.113.9"], OTHER),
        ([b"20.31.57.61, 203.0.113.9, 10.1.2.3"], OTHER),
        ([b"20.31.57.61", b"203.0.113.9"], OTHER),
        ([b"203.0.113.9", b"20.31.57.61", b"10.1.2.3"], NEXI),
        ([b"20.31.57.61:4711"], NEXI),
        ([b"::ffff:20.31.57.61"], NEXI),
        ([b"[2001:db8:2::17]:4711"], "2001:db8:2::17"),
        ([b"[2001:db8:2::17], 2001:db8:1::1"], "2001:db8:2::17"),
        ([b"10.1.2.3, 10.1.2.4"], "10.1.2.3"),
        ([b""], None),
        ([b"unknown"], None),
        ([b"20.31.57.61, unknown"], None),
        ([b"20.31.57.61,"], None),
        ([b"20.31.57.61 10.1.2.3"], None),
        ([b"\xff\xfe"], None),
    ],
)
def test_the_chain_is_walked_from_the_right(values: list[bytes], address: str | None) -> None:
    """Repeated headers are one; the first that is not ours is the sender; what can't be read is no address."""
    assert found(*chain(*values)) == address


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"for=20.31.57.61", NEXI),
        (b'For="20.31.57.61:4711";proto=https;by=10.0.0.1', NEXI),
        (b"proto=https;for=20.31.57.61;", NEXI),
        (b"for=203.0.113.9, for=20.31.57.61, for=10.1.2.3", NEXI),
        (b"for=20.31.57.61, for=203.0.113.9", OTHER),
        (b'for="[2001:db8:2::17]:4711", for="[2001:db8:1::1]"', "2001:db8:2::17"),
        (b'for="20.31.57.\\61"', NEXI),
        (b"for=unknown", None),
        (b"for=_hidden", None),
        (b"proto=https", None),
        (b"for=20.31.57.61, proto=https", None),
        (b"for=20.31.57.61;for=20.31.57.61", None),
        (b"for = 20.31.57.61", None),
        (b'host=";for=20.31.57.61;";for=203.0.113.9', OTHER),
        (b'host="a, for=20.31.57.61";for=203.0.113.9', OTHER),
        (b'for=", for=20.31.57.61', None),
        (b'for=20.31.57.61, for="', None),
        (b"", None),
    ],
)
def test_the_standard_header_is_read(value: bytes, address: str | None) -> None:
    """RFC 7239: pairs, quotes and ports; what is quoted does not count as a hop, what is malformed is no address."""
    assert found((b"forwarded", value)) == address


@pytest.mark.parametrize("value", [b"for=20.31.57.61", b"for=203.0.113.9, for=20.31.57.61"])
def test_the_two_headers_must_agree(value: bytes) -> None:
    """A sender may add the header that the proxy does not write: then neither is trusted."""
    assert found(*chain(NEXI.encode()), (b"forwarded", value)) == NEXI
    assert found(*chain(OTHER.encode()), (b"forwarded", value)) is None


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        ((NEXI, 0), ()),
        ((NEXI, None), ()),
        ((NEXI,), ()),
        ((NEXI, 0), chain(b"20.31.57.61")),
        ((NEXI, 4711), chain(b"20.31.57.61:4711")),
        ((NEXI, 4711), chain(b"20.31.57.61:4711, 203.0.113.9")),
        ((NEXI, 4711), [(b"x-real-ip", b"20.31.57.61")]),
        ((NEXI, 4711), [(b"forwarded", b'for="20.31.57.61:4711"')]),
        (("::ffff:20.31.57.61", 4711), chain(b"[::ffff:20.31.57.61]:4711")),
    ],
)
def test_a_rewritten_peer_is_no_sender(client: tuple[str, int], headers: Headers) -> None:
    """What a server may have read in a header is not the peer: no port, or named in a header."""
    assert is_rewritten(client, headers)
    assert sender(client, headers, ()) is None
    assert str(sender(client, headers, "server")) == NEXI


@pytest.mark.parametrize("client", [None, (), (NEXI, 4711)])
def test_a_connection_of_its_own_is_not_rewritten(client: tuple[str, int] | None) -> None:
    """A peer with a port, which no header names, is the peer; no address is not another one."""
    assert not is_rewritten(client, [*chain(b"203.0.113.9"), (b"host", b"20.31.57.61")])


@pytest.mark.parametrize(
    ("peer", "values", "address"),
    [
        (NEXI, [b"20.31.57.61"], NEXI),
        (NEXI, [b"203.0.113.9, 20.31.57.61, 10.1.2.3"], NEXI),
        (NEXI, [b"20.31.57.61, 203.0.113.9"], None),
        (OTHER, [b"203.0.113.9, 20.31.57.61"], None),
        (OTHER, [b"20.31.57.61, 203.0.113.9"], OTHER),
    ],
)
def test_server_and_proxies_must_agree(peer: str, values: list[bytes], address: str | None) -> None:
    """A peer that a header names may be the peer or its claim: it counts if the walk from the right finds it too."""
    assert found(*chain(*values), peer=peer) == address


def test_an_empty_header_confirms_nothing() -> None:
    """A sender's own empty header does not vouch for what a server took from another one."""
    assert found((b"x-real-ip", NEXI.encode()), (b"forwarded", b""), peer=NEXI) is None


def test_a_proxy_must_say_for_whom() -> None:
    """Without a header the sender is not known."""
    assert found() is None


@given(left=st.binary(max_size=60), header=st.sampled_from([b"x-forwarded-for", b"forwarded"]))
def test_nothing_on_the_left_makes_another_sender_nexi(left: bytes, header: bytes) -> None:
    """Whatever a sender writes, what the proxy appends decides."""
    appended = OTHER.encode() if header == b"x-forwarded-for" else f"for={OTHER}".encode()
    assert found((header, left), (header, appended)) in (OTHER, None)
    assert found((header, left + b", " + appended)) in (OTHER, None)


@pytest.mark.parametrize("pattern", [b'"', b'for="\\"', b"for= ", b"a=b;", b";", b",", b" ", b"for=a;", b'"\\'])
def test_long_headers_take_no_time(pattern: bytes) -> None:
    """Work grows with the length of the header, not with its square."""
    began = time.process_time()
    found((b"forwarded", pattern * (60_000 // len(pattern))))
    assert time.process_time() - began < 1


def test_an_address_in_an_address() -> None:
    """IPv4 wrapped in IPv6 is IPv4; text is no address."""
    assert str(read_address("::ffff:10.0.0.1")) == "10.0.0.1"
    assert read_address("10.0.0.1/8") is None
