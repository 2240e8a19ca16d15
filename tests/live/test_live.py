"""The probes tell what is different, and nothing else: proven against emulators that are set differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from nexi_async.emulator import CheckoutEmulator, Settings
from tests.live.__main__ import ask, main
from tests.live.probes import PROBES

FLIPPED: Mapping[str, Any] = {
    "show_expiry_on_create": False,
    "numbers_as_text": False,
    "empty_address_members": False,
    "partial_addresses": False,
    "alphanumeric_authorization": True,
    "swish_type": "WALLET",
    "create_error_paths": "short",
    "malformed_id_status": 400,
    "show_empty_lists": True,
    "undocumented_402_as": 409,
    "checkout_domain_locked": False,
    "empty_external_reference": False,
    "bulk_items_have_ids": False,
    "terminate_again_allowed": False,
}
SIX = (
    "numbers_as_text",
    "swish_type",
    "create_error_paths",
    "show_empty_lists",
    "bulk_items_have_ids",
    "malformed_id_status",
)


async def differences(capsys: pytest.CaptureFixture[str], **changes: Any) -> list[str]:
    """The settings that are reported of an emulator with these settings."""
    emulator = CheckoutEmulator(settings=Settings(**changes), seed=1)
    is_same = await ask("http://localhost", emulator.secret_key, transport=httpx.ASGITransport(emulator))
    reported = [line.split()[1].rstrip(":") for line in capsys.readouterr().out.splitlines() if "differs" in line]
    assert is_same == (not reported)
    return reported


async def test_the_emulator_is_like_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """With the defaults nothing differs."""
    assert await differences(capsys) == []


async def test_six_that_differ_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly those six that were switched, and none beside."""
    assert set(await differences(capsys, **{name: FLIPPED[name] for name in SIX})) == set(SIX)


@pytest.mark.parametrize("setting", PROBES)
async def test_each_one_is_distinguished_from_the_others(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A single switch is reported alone, so no probe depends on another's setting."""
    assert await differences(capsys, **{setting: FLIPPED[setting]}) == [setting]


async def test_calls_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    """Probes share one payment; the rate limit of retrievals is far away."""
    await differences(capsys)
    emulator = CheckoutEmulator(seed=1)
    await ask("http://localhost", emulator.secret_key, transport=httpx.ASGITransport(emulator))
    assert f"{len(PROBES)} settings asked for with 16 calls" in capsys.readouterr().out


async def test_a_wrong_key_ends_it() -> None:
    """Nothing is concluded from refusals that have another reason."""
    with pytest.raises(PermissionError, match="not accepted"):
        await ask("http://localhost", "wrong", transport=httpx.ASGITransport(CheckoutEmulator()))


def test_without_a_key_it_is_skipped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever has no account sees what is missing, and no failure."""
    monkeypatch.delenv("NEXI_SECRET_KEY", raising=False)
    assert main() == 0
    assert capsys.readouterr().out.startswith("skipped: set NEXI_SECRET_KEY")
