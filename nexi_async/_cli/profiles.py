"""Profiles: named settings in a TOML file that only its owner may read.

[profiles.default]
environment = "test"
secret_key = "..."

[profiles.live]
environment = "live"
secret_key_file = "/run/secrets/nexi"
webhook_authorization = "..."
"""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import attrs
import platformdirs

from nexi_async._errors import ConfigurationError, Fault

DEFAULT = "default"
_MAX_BYTES = 1_000_000


@attrs.frozen(kw_only=True)
class Profile:
    """The settings of one profile; what it does not name is None."""

    environment: str | None = None
    base_url: str | None = None
    secret_key: str | None = attrs.field(default=None, repr=False)
    secret_key_file: str | None = None
    webhook_authorization: str | None = attrs.field(default=None, repr=False)


def config_file() -> Path:
    """Where profiles are: `NEXI_CONFIG`, or the platform's place for a user's configuration."""
    named = os.environ.get("NEXI_CONFIG")
    return Path(named) if named else platformdirs.user_config_path("nexi-async", appauthor=False) / "config.toml"


def read_profile(name: str | None) -> Profile:
    """A profile by its name; without a name the one called "default", or an empty one if there is none.

    Raises:
        ConfigurationError: there is no such profile, the file can be read by others, or is not as it must be.
    """
    profiles = _read(config_file())
    if name is None and DEFAULT not in profiles:
        return Profile()
    name = name or DEFAULT
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise _unusable(f"has no profile {name!r}; there is {known}")
    return _profile(name, profiles[name])


def profile_names() -> list[str]:
    """The names in the file; none if it can't be used. For completion in a shell."""
    try:
        return sorted(_read(config_file()))
    except ConfigurationError:
        return []


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            _require_private(os.fstat(file.fileno()), path)
            content = file.read(_MAX_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(f"can't be read: {error.strerror}") from None
    try:
        profiles = tomllib.loads(content.decode()).get("profiles", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it is not UTF-8"
        raise _unusable(f"is not TOML: {reason}") from None
    if not isinstance(profiles, dict):
        raise _unusable("needs a table for each profile, such as [profiles.default]")
    return profiles


def _require_private(status: os.stat_result, path: Path) -> None:
    """The file holds keys, so nobody but its owner may read it; Windows has no such bits."""
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise _unusable(f"can be read by other users, and may hold keys: chmod 600 {path}")


def _profile(name: str, members: object) -> Profile:
    if not isinstance(members, dict):
        raise _unusable(f"has no table [profiles.{name}]")
    known = set(attrs.fields_dict(Profile))
    faults = [f"[profiles.{name}] has the unknown member {member!r}" for member in members if member not in known]
    faults += [
        f"[profiles.{name}] {member} must be text" for member, value in members.items() if not isinstance(value, str)
    ]
    if faults:
        raise ConfigurationError([Fault(str(config_file()), fault) for fault in faults])
    return Profile(**members)


def _unusable(reason: str) -> ConfigurationError:
    return ConfigurationError([(str(config_file()), reason)])
