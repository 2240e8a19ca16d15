"""Where the settings of a command come from: an option, else the environment, else a profile of the configuration file.

A profile that is named by an option takes the place of the environment, so that `--profile test` never uses a key or an
address that a variable holds for another purpose; `--environment` brings its own address for the same reason. Keys are
never options: every user of a machine can read its command lines.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from nexi_async import _environment as environments
from nexi_async._cli.profiles import Profile, read_profile
from nexi_async._cli.secrets import prompt_for_key, read_key_file
from nexi_async._client import AsyncCheckout
from nexi_async._environment import EnvironmentName, is_this_machine
from nexi_async._errors import ConfigurationError


@attrs.frozen(kw_only=True)
class Settings:
    """What a command works with.

    Attributes:
        secret_key: None if none was found.
        key_source: where the key comes from, for people.
        environment: "test" or "live".
        base_url: the address of the API, the environment's own or another.
        profile: the profile that an option named.
        repeated_options: the options that chose all this, to be repeated in a command that is shown.
    """

    secret_key: str | None = attrs.field(repr=False)
    key_source: str
    environment: EnvironmentName
    base_url: str
    profile: str | None = None
    repeated_options: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The host that is called."""
        return (urlsplit(self.base_url).hostname or "").rstrip(".")

    @property
    def is_live(self) -> bool:
        """Whether real money moves: by the address, or else by the environment or the kind of the key."""
        if is_this_machine(self.host):
            return False
        live_host = urlsplit(environments.LIVE.base_url).hostname
        key_is_live = (self.secret_key or "").strip().startswith("live-")
        return self.host == live_host or self.environment == "live" or key_is_live

    def client(self, options: Mapping[str, Any]) -> AsyncCheckout:
        """A client with these settings, and with further options of it.

        Raises:
            ConfigurationError: there is no key.
            InvalidRequest: a setting can't be right.
        """
        if self.secret_key is None:
            raise ConfigurationError([("secret key", NO_KEY)])
        return AsyncCheckout(self.secret_key, environment=self.environment, base_url=self.base_url, **options)


NO_KEY = "is missing: set NEXI_SECRET_KEY, or secret_key in a profile; the portal shows it under Company, Integration"


def resolve_settings(
    *,
    profile: str | None = None,
    environment: str | None = None,
    base_url: str | None = None,
    secret_key_file: Path | None = None,
    ask: bool = True,
) -> Settings:
    """The settings from the options of a command, the environment and the profile.

    Args:
        profile: the name that an option gave.
        environment: as given by an option.
        base_url: as given by an option.
        secret_key_file: as given by an option.
        ask: prompt for a missing key, at a terminal.

    Raises:
        ConfigurationError: the profile or the key's file can't be used.
        InvalidRequest: there is no such environment.
    """
    found = read_profile(profile or os.environ.get("NEXI_PROFILE") or None)
    is_named = profile is not None
    chosen = environments.find(environment or _pick("NEXI_ENVIRONMENT", found.environment, is_named) or "test")
    key, source = _secret_key(found, secret_key_file, is_named=is_named)
    if key is None and ask:
        key, source = prompt_for_key(), "prompt"
    configured_url = None if environment is not None else _pick("NEXI_BASE_URL", found.base_url, is_named)
    given = (("--profile", profile), ("--environment", environment), ("--base-url", base_url))
    return Settings(
        secret_key=key,
        key_source=source,
        environment=chosen.name,
        base_url=base_url or configured_url or chosen.base_url,
        profile=profile,
        repeated_options=tuple(part for option, value in given if value is not None for part in (option, value)),
    )


def webhook_authorization(profile: str | None) -> str | None:
    """The value that webhooks carry in their `Authorization` header, if one is set.

    Raises:
        ConfigurationError: the profile can't be used.
    """
    found = read_profile(profile or os.environ.get("NEXI_PROFILE") or None)
    return _pick("NEXI_WEBHOOK_AUTHORIZATION", found.webhook_authorization, profile is not None)


def _pick(variable: str, of_profile: str | None, profile_is_named: bool) -> str | None:  # noqa: FBT001
    """A value by precedence; an empty variable counts as not set."""
    return of_profile if profile_is_named else os.environ.get(variable) or of_profile


def _secret_key(profile: Profile, file: Path | None, *, is_named: bool) -> tuple[str | None, str]:
    """The key and where it was found."""
    if file is not None:
        return read_key_file(file, setting="--secret-key-file"), "--secret-key-file"
    of_environment = (None, "") if is_named else _key_of_environment()
    return of_environment if of_environment[0] is not None else _key_of_profile(profile)


def _key_of_environment() -> tuple[str | None, str]:
    file = os.environ.get("NEXI_SECRET_KEY_FILE")
    if file:
        return read_key_file(Path(file), setting="NEXI_SECRET_KEY_FILE"), "NEXI_SECRET_KEY_FILE"
    return os.environ.get("NEXI_SECRET_KEY") or None, "NEXI_SECRET_KEY"


def _key_of_profile(profile: Profile) -> tuple[str | None, str]:
    if profile.secret_key_file is not None:
        return read_key_file(Path(profile.secret_key_file), setting="secret_key_file"), "the profile's secret_key_file"
    return profile.secret_key, "nowhere" if profile.secret_key is None else "the profile's secret_key"
