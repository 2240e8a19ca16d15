"""Origins and hosts in their notations."""

import pytest

from nexi_async.emulator._engine.addresses import is_loopback, origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Shop.test:443/pay?x=1", "https://shop.test"),
        ("http://shop.test:443/", "http://shop.test:443"),
        ("http://[::1]:8400/v1", "http://[::1]:8400"),
        ("javascript:alert(1)", None),
        ("ftp://shop.test/", None),
        ("https://shop.test:port/", None),
        ("https://[::1/", None),
        ("https://sh\u00f6p.test/", None),
        ("/pay", None),
    ],
)
def test_origins_are_as_browsers_write_them(url: str, origin: str | None) -> None:
    """Without the scheme's own port, and only of http and https."""
    assert origin_of(url) == origin


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_loopback_hosts(host: str) -> None:
    """The whole network 127.0.0.0/8 is this machine."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.evil.example", "192.0.2.7", "::2", ""])
def test_other_hosts(host: str) -> None:
    """A name is no address, whatever it begins with."""
    assert not is_loopback(host)
