"""Where settings come from: option, environment, profile; and asking before live money moves."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from nexi_async import ConfigurationError, InvalidRequest
from nexi_async._cli import confirmation
from nexi_async._cli.output import Output
from nexi_async._cli.profiles import config_file, profile_names
from nexi_async._cli.settings import Settings, resolve_settings, webhook_authorization
from nexi_async._environment import EnvironmentName
from tests.cli.conftest import CommandLine

FILE = """
[profiles.default]
secret_key = "of-default"
webhook_authorization = "hooks-default"

[profiles.shop]
environment = "live"
secret_key = "of-shop"
webhook_authorization = "hooks-shop"

[profiles.local]
base_url = "http://127.0.0.1:8400"
secret_key_file = "FILE"
"""
VARIABLES = ("NEXI_PROFILE", "NEXI_ENVIRONMENT", "NEXI_BASE_URL", "NEXI_SECRET_KEY", "NEXI_SECRET_KEY_FILE")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file, and an environment without settings."""
    for name in (*VARIABLES, "NEXI_WEBHOOK_AUTHORIZATION"):
        monkeypatch.delenv(name, raising=False)
    key = tmp_path / "key"
    key.write_text("of-file\n")
    path = tmp_path / "config.toml"
    path.write_text(FILE.replace("FILE", str(key)))
    path.chmod(0o600)
    monkeypatch.setenv("NEXI_CONFIG", str(path))
    return path


@pytest.mark.usefixtures("config")
def test_the_default_profile_is_used_without_a_name() -> None:
    """Its key goes to the test environment, which it does not name."""
    found = resolve_settings(ask=False)
    assert (found.secret_key, found.environment, found.host) == ("of-default", "test", "test.api.dibspayment.eu")
    assert webhook_authorization(None) == "hooks-default"


@pytest.mark.usefixtures("config")
def test_the_environment_comes_before_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before one that a variable names."""
    monkeypatch.setenv("NEXI_PROFILE", "shop")
    assert resolve_settings(ask=False).secret_key == "of-shop"
    monkeypatch.setenv("NEXI_SECRET_KEY", "of-environment")
    monkeypatch.setenv("NEXI_ENVIRONMENT", "test")
    monkeypatch.setenv("NEXI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NEXI_WEBHOOK_AUTHORIZATION", "hooks-environment")
    found = resolve_settings(ask=False)
    assert (found.secret_key, found.environment, found.base_url) == ("of-environment", "test", "http://127.0.0.1:9")
    assert webhook_authorization(None) == "hooks-environment"


@pytest.mark.usefixtures("config")
def test_an_option_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that an option names is not mixed with variables; an environment brings its own address."""
    monkeypatch.setenv("NEXI_SECRET_KEY", "of-environment")
    monkeypatch.setenv("NEXI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NEXI_WEBHOOK_AUTHORIZATION", "hooks-environment")
    shop = resolve_settings(profile="shop", ask=False)
    assert (shop.secret_key, shop.host) == ("of-shop", "api.dibspayment.eu")
    assert webhook_authorization("shop") == "hooks-shop"
    assert resolve_settings(environment="live", ask=False).host == "api.dibspayment.eu"
    both = resolve_settings(profile="shop", base_url="http://127.0.0.1:1", ask=False)
    assert both.repeated_options == ("--profile", "shop", "--base-url", "http://127.0.0.1:1")
    assert both.base_url == "http://127.0.0.1:1"


@pytest.mark.usefixtures("config")
def test_a_key_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which a profile or a variable names."""
    assert resolve_settings(profile="local", ask=False).secret_key == "of-file"
    monkeypatch.setenv("NEXI_SECRET_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match="NEXI_SECRET_KEY_FILE: can't be read: FileNotFoundError"):
        resolve_settings(ask=False)


@pytest.mark.usefixtures("config")
def test_a_key_file_that_an_option_names_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a profile's key and the environment's; it is in no repr."""
    monkeypatch.setenv("NEXI_SECRET_KEY", "of-environment")
    found = resolve_settings(profile="shop", secret_key_file=tmp_path / "key", ask=False)
    assert (found.secret_key, found.environment) == ("of-file", "live")
    assert "of-file" not in repr(found)
    with pytest.raises(ConfigurationError, match="--secret-key-file: can't be read: FileNotFoundError"):
        resolve_settings(secret_key_file=tmp_path / "missing", ask=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_file_that_others_can_read_is_refused(config: Path) -> None:
    """It may hold keys."""
    config.chmod(0o640)
    with pytest.raises(ConfigurationError, match="can be read by other users, and may hold keys: chmod 600"):
        resolve_settings(ask=False)
    assert profile_names() == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[profiles.default", "is not TOML"),
        ("profiles = 7", "needs a table for each profile"),
        ("[profiles]\ndefault = 7", "has no table"),
        ("[profiles.default]\nsecretkey = 'x'", "unknown member 'secretkey'"),
        ("[profiles.default]\nsecret_key = 7", "secret_key must be text"),
        ("[profiles.default]\nenvironment = 'production'", "is not an environment"),
        (b"\xff", "is not TOML: it is not UTF-8"),
    ],
)
def test_a_file_that_is_wrong_is_refused(config: Path, text: str | bytes, reason: str) -> None:
    """With what is wrong in it."""
    config.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises((ConfigurationError, InvalidRequest), match=reason):
        resolve_settings(ask=False)


def test_a_profile_that_is_not_there_is_refused(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With those that are; a file that is not there has none, and a directory is no file."""
    with pytest.raises(ConfigurationError, match="has no profile 'shopp'; there is default, local, shop"):
        resolve_settings(profile="shopp", ask=False)
    assert profile_names() == ["default", "local", "shop"]
    monkeypatch.setenv("NEXI_CONFIG", str(config / "nowhere"))
    with pytest.raises(ConfigurationError, match="can't be read"):
        resolve_settings(ask=False)
    monkeypatch.setenv("NEXI_CONFIG", str(config.parent / "nowhere"))
    assert resolve_settings(ask=False).secret_key is None


def test_the_file_is_where_the_platform_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a variable says otherwise."""
    monkeypatch.delenv("NEXI_CONFIG", raising=False)
    assert config_file().parts[-2:] == ("nexi-async", "config.toml")


@pytest.mark.usefixtures("config")
def test_no_key_is_in_a_repr() -> None:
    """Settings can be logged."""
    assert "of-shop" not in repr(resolve_settings(profile="shop", ask=False))


# --- live ----------------------------------------------------------------------------------------------------------


def settings(base_url: str, environment: EnvironmentName = "test", key: str = "key") -> Settings:
    """Settings that lead there."""
    return Settings(secret_key=key, key_source="", environment=environment, base_url=base_url)


@pytest.mark.parametrize(
    ("found", "is_live"),
    [
        (settings("https://api.dibspayment.eu", "live"), True),
        (settings("https://api.dibspayment.eu", "test"), True),
        (settings("https://API.dibspayment.eu./", "test"), True),
        (settings("https://proxy.shop.test", "live"), True),
        (settings("https://proxy.shop.test", "test", "live-secret-key-1"), True),
        (settings("https://proxy.shop.test", "test"), False),
        (settings("https://test.api.dibspayment.eu"), False),
        (settings("http://127.0.0.1:8400", "live"), False),
    ],
)
def test_live_is_where_real_money_moves(found: Settings, is_live: bool) -> None:
    """By the address, the environment or the key, but never on this machine."""
    assert found.is_live is is_live


LIVE = ("--environment", "live")
PAYMENT = {
    "payment": {
        "paymentId": "0" * 32,
        "created": "2026-09-14T08:15:09+00:00",
        "orderDetails": {"amount": 12500, "currency": "SEK"},
    }
}


@pytest.fixture
def sent(line: CommandLine) -> list[httpx.Request]:
    """What reaches a live environment that takes everything."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if request.method == "GET":
            return httpx.Response(200, json=PAYMENT)
        created = {"chargeId": "c1", "refundId": "r1", "paymentId": "p1"}
        return httpx.Response(201, json=created) if request.method == "POST" else httpx.Response(204)

    line.transport = httpx.MockTransport(answer)
    return requests


MOVING = [
    ("payments", "charge", "0" * 32, "125 SEK"),
    ("payments", "refund", "0" * 32, "125 SEK", "--tax-rate", "25"),
    ("payments", "cancel", "0" * 32, "125 SEK"),
    ("payments", "terminate", "0" * 32),
    ("subscriptions", "charge", "1" * 32, "125 SEK"),
]


@pytest.mark.parametrize("command", MOVING)
def test_without_a_terminal_live_money_needs_yes(
    line: CommandLine, sent: list[httpx.Request], command: tuple[str, ...]
) -> None:
    """Nothing is sent that could move any; with --yes it is."""
    result = line.run(*command, *LIVE)
    assert result.exit_code == 2
    assert "--yes: is needed to" in result.stderr
    assert {request.method for request in sent} <= {"GET"}
    assert line.run(*command, *LIVE, "--yes").exit_code == 0
    assert sent[-1].method in {"POST", "PUT"}
    assert sent[-1].url.host == "api.dibspayment.eu"


@pytest.mark.parametrize(("answer", "status", "methods"), [("y\n", 0, ["GET", "POST"]), ("n\n", 4, ["GET"])])
def test_at_a_terminal_the_user_is_asked(
    line: CommandLine,
    sent: list[httpx.Request],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
    methods: list[str],
) -> None:
    """With amount, currency, payment and environment; "no" and nothing at all are both no."""
    monkeypatch.setattr(confirmation, "_is_terminal", lambda: True)
    result = line.run(*MOVING[0], *LIVE, input=answer)
    assert result.exit_code == status
    question = f"Charge 125.00 SEK of payment {'0' * 32} in the LIVE environment (api.dibspayment.eu)? [y/N]"
    assert question in result.stderr
    assert [request.method for request in sent] == methods


def test_leaving_the_prompt_sends_nothing(
    line: CommandLine, sent: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the end of the input nor Ctrl-C is a yes."""
    monkeypatch.setattr(confirmation, "_is_terminal", lambda: True)
    assert line.run(*MOVING[0], *LIVE, input="").exit_code == 4
    assert [request.method for request in sent] == ["GET"]


def test_outside_of_live_there_is_no_question() -> None:
    """Play money needs no confirmation."""
    confirmation.confirm_live("charge", settings("http://127.0.0.1:8400"), Output(as_json=False), yes=False)
