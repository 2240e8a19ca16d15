"""Requests from Nexi's networks are allowed, whatever others claim to be."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async._environment import LIVE, TEST
from nexi_async._errors import InvalidRequest
from nexi_async.webhooks._source_address import address_allowed, allowed_networks, trusted_networks


@pytest.mark.parametrize("last", [60, 61, 62, 63])
def test_the_whole_network_is_allowed(last: int) -> None:
    """All four addresses of a /30 deliver, the first and the last too."""
    assert address_allowed((f"20.31.57.{last}", 1234), TEST.webhook_networks)
    assert address_allowed((f"20.103.218.{last + 44}", 1234), LIVE.webhook_networks)


@pytest.mark.parametrize("host", ["20.31.57.59", "20.31.57.64", "20.31.56.60", "20.103.218.104", "127.0.0.1"])
def test_neighbours_are_not(host: str) -> None:
    """One address further, and those of the other environment, are not allowed."""
    assert not address_allowed((host, 1234), TEST.webhook_networks)


def test_a_mapped_address_is_the_address_it_stands_for() -> None:
    """A server on [::] shows its IPv4 peers as IPv6; they are allowed, their neighbours are not."""
    assert address_allowed(("::ffff:20.31.57.60", 1234), TEST.webhook_networks)
    assert address_allowed(("::FFFF:141f:393c", 1234), TEST.webhook_networks)
    assert not address_allowed(("::ffff:20.31.57.64", 1234), TEST.webhook_networks)


def test_networks_may_be_ipv6() -> None:
    """Addresses of either family are compared with networks of their own."""
    networks = allowed_networks(["2001:db8::/64", "192.0.2.0/24"])
    assert address_allowed(("2001:db8::17", 1234), networks)
    assert address_allowed(("192.0.2.9", 1234), networks)
    assert not address_allowed(("2001:db8:0:1::17", 1234), networks)


@pytest.mark.parametrize("client", [None, ("testclient", 50000), ("", 0), ("unix:", 0), ("/run/app.sock", 0), ()])
def test_a_peer_without_an_address_is_refused(client: tuple[str, int] | None) -> None:
    """A Unix socket, a test client, or nothing at all: without an address it is refused."""
    assert not address_allowed(client, allowed_networks(["0.0.0.0/0", "::/0"]))


@given(st.text())
def test_no_peer_breaks_the_check(host: str) -> None:
    """Whatever a server calls its peer, the answer is yes or no."""
    try:
        is_nexi = ip_address(host) in TEST.webhook_networks[0]
    except ValueError:
        is_nexi = False
    assert address_allowed((host, 1234), TEST.webhook_networks) is is_nexi


def test_networks_are_read_in_their_usual_notation() -> None:
    """Texts, single addresses and network objects do."""
    assert allowed_networks(["127.0.0.1", IPv6Network("::1")]) == (IPv4Network("127.0.0.1/32"), IPv6Network("::1/128"))


@pytest.mark.parametrize("network", ["20.31.57.61/30", "nexi", "20.31.57.60/33"])
def test_what_is_no_network_is_refused(network: str) -> None:
    """A typing mistake is noticed at start, by its place."""
    with pytest.raises(InvalidRequest, match=re.escape("networks[1]")):
        allowed_networks(["127.0.0.1", network])


def test_an_empty_list_of_networks_is_refused() -> None:
    """A receiver that accepts no address is a mistake."""
    with pytest.raises(InvalidRequest, match="must not be empty"):
        allowed_networks([])


def test_a_named_proxy_is_trusted() -> None:
    """Behind a named proxy the address that it reports is checked, and its own is not."""
    proxies = trusted_networks(["10.0.0.0/8"])
    headers = [(b"x-forwarded-for", b"20.31.57.60")]
    assert address_allowed(("10.0.0.1", 1), TEST.webhook_networks, headers=headers, proxies=proxies)
    assert address_allowed(("::ffff:10.0.0.1", 1), TEST.webhook_networks, headers=headers, proxies=proxies)
    assert not address_allowed(("10.0.0.1", 1), TEST.webhook_networks, proxies=proxies)
    assert not address_allowed(("10.0.0.1", 1), TEST.webhook_networks, headers=headers)


def test_there_may_be_no_proxies() -> None:
    """Most receivers name none."""
    assert trusted_networks([]) == ()


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_the_internet_is_no_proxy(network: str) -> None:
    """With the whole internet as proxies every sender could claim to be Nexi."""
    with pytest.raises(InvalidRequest, match=re.escape("trusted_proxies[1]: is the whole internet")):
        trusted_networks(["10.0.0.1", network])


def test_one_network_is_a_list_too() -> None:
    """A text is not read as a list of its characters."""
    with pytest.raises(InvalidRequest, match="must be a list"):
        allowed_networks("127.0.0.1")
    with pytest.raises(InvalidRequest, match="must be a list"):
        trusted_networks("10.0.0.0/8")
