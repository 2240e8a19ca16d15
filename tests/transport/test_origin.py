"""Tests of nexi_async._transport.origin."""

from __future__ import annotations

import httpx
import pytest

from nexi_async._transport.origin import Origin


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("https://api.test", Origin("https", "api.test", 443, "api.test"), "api.test"),
        ("https://api.test:443/v1", Origin("https", "api.test", 443, "api.test"), "api.test"),
        ("https://api.test:8443/v1", Origin("https", "api.test", 8443, "api.test"), "api.test:8443"),
        ("http://127.0.0.1", Origin("http", "127.0.0.1", 80, "127.0.0.1"), "127.0.0.1"),
        ("http://localhost:443", Origin("http", "localhost", 443, "localhost"), "localhost:443"),
        ("http://[::1]:8400", Origin("http", "::1", 8400, "::1"), "[::1]:8400"),
        ("https://[::1]", Origin("https", "::1", 443, "::1"), "[::1]"),
        ("https://API.test", Origin("https", "api.test", 443, "api.test"), "api.test"),
        ("https://api.test:0", Origin("https", "api.test", 0, "api.test"), "api.test:0"),
    ],
)
def test_of_an_address(url: str, origin: Origin, authority: str) -> None:
    """Scheme, host and port as the address has them, and what the Host header says of it."""
    assert Origin.of(url) == origin
    assert origin.authority == authority
    assert str(origin) == f"{origin.scheme}://{authority}"


def test_equal_origins_share_connections() -> None:
    """However an address is spelled, its connections are in one pool."""
    assert len({Origin.of(url) for url in ("https://api.test", "https://API.test:443/", "https://api.test/v1")}) == 1


def test_server_name_tells_origins_apart() -> None:
    """A connection is not shared with somebody who expects another certificate."""
    assert Origin("https", "10.0.0.1", 443, "a.test") != Origin("https", "10.0.0.1", 443, "b.test")


@pytest.mark.parametrize("url", ["ftp://shop:s3cret@api.test/", "api.test", "", "ws://api.test"])
def test_other_schemes(url: str) -> None:
    """What is neither http nor https is refused as httpx does it, without a word of what else stands there."""
    with pytest.raises(httpx.UnsupportedProtocol, match="only http and https are supported") as caught:
        Origin.of(url)
    assert "s3cret" not in str(caught.value)
