"""Tests of nexi_async._environment."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from nexi_async import _environment as environment
from nexi_async._errors import InvalidRequest


def test_environments_share_nothing() -> None:
    """Test and live have no address and no webhook source in common."""
    assert environment.TEST.base_url != environment.LIVE.base_url
    assert not environment.TEST.webhook_networks[0].overlaps(environment.LIVE.webhook_networks[0])


@pytest.mark.parametrize("last", [104, 105, 106, 107])
def test_live_range_has_four_addresses(last: int) -> None:
    """All four addresses of the /30 send webhooks."""
    assert ip_address(f"20.103.218.{last}") in environment.LIVE.webhook_networks[0]


def test_find_by_name() -> None:
    """An environment is found by its name."""
    assert environment.find("live") is environment.LIVE


def test_unknown_name_is_refused() -> None:
    """A misspelt environment does not fall back to another one."""
    with pytest.raises(InvalidRequest, match="'test' or 'live'"):
        environment.find("production")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("a.b", False)],
)
def test_this_machine(host: str, expected: bool) -> None:
    """Only loopback counts as this machine."""
    assert environment.is_this_machine(host) is expected
